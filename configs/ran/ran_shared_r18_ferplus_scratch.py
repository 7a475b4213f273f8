# FERPlus from random weights, sized for a CPU: the shared-feature form on 96-pixel faces, so that the
# 48-pixel sources keep a 6x6 map before the last stage, strong augmentation, vote distributions.
_base_ = [
    '../_base_/models/ran_shared_r18.py',
    '../_base_/datasets/ferplus_augmented.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(roi_size=4), head=dict(num_classes=8))
data_preprocessor = dict(crop_size=96, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
