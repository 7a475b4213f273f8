# Plain ResNet-18 with all else as in configs/ran/ran_r18_ferplus_clean.py.
_base_ = [
    '../_base_/models/r18.py',
    '../_base_/datasets/ferplus_clean.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(crop_size=64, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=1.4e-3))
auto_scale_lr = dict(base_batch_size=128)
