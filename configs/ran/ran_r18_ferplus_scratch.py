# FERPlus from random weights, second cycle: the weights of ran_r18_ferplus_clean.py
# (`load_from=work_dirs/ran_r18_ferplus_clean/epoch_40.pth`) meet drawn occluders on a quarter of the
# faces, with three of the five crops.
_base_ = [
    '../_base_/models/ran_r18_single_region.py',
    '../_base_/datasets/ferplus_augmented.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(crop_size=64, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
