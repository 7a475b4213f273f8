# Plain ResNet-18 with all else as in configs/ran/ran_shared_r18_ferplus_scratch.py.
_base_ = [
    '../_base_/models/r18.py',
    '../_base_/datasets/ferplus_augmented.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(crop_size=96, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
