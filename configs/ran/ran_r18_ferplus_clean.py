# FERPlus from random weights, the full form on 64-pixel crops, the authors' attention, every region
# asked to tell the expression alone, no occluders in training.
_base_ = [
    '../_base_/models/ran_r18_single_region.py',
    '../_base_/datasets/ferplus_clean.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(crop_size=64, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=1.4e-3))
auto_scale_lr = dict(base_batch_size=128)
