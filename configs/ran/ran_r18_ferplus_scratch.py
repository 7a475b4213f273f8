# FERPlus from random weights, second cycle: the weights of ran_r18_ferplus_clean.py
# (`load_from=work_dirs/ran_r18_ferplus_clean/epoch_40.pth`) meet drawn occluders on a quarter of the
# faces, with three of the five crops.
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferplus_augmented.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(
    neck=dict(activation='sigmoid_softmax'),
    head=dict(
        num_classes=8,
        activation='sigmoid_softmax',
        single_region_loss=dict(type='CrossEntropyLoss')))
data_preprocessor = dict(crop_size=64, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
