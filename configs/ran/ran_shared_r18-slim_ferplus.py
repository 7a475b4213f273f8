# Half the width, 64 pixels, one look at the face, vote distributions: the base of the ablation on
# FERPlus with a CPU.
_base_ = [
    '../_base_/models/ran_shared_r18.py',
    '../_base_/datasets/ferplus.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(backbone=dict(base_channels=32), split_stage=2, roi_size=4),
    neck=dict(in_channels=256),
    head=dict(num_classes=8, in_channels=256))
data_preprocessor = dict(crop_size=64, num_classes=8)
train_dataloader = dict(dataset=dict(use_distribution=True))
