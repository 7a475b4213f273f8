# The demo model: half the width of ResNet-18, from random weights, trained on the vote distributions.
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferplus.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(base_channels=32),
    neck=dict(in_channels=256),
    head=dict(num_classes=8, in_channels=256))
data_preprocessor = dict(crop_size=64, num_classes=8)
train_dataloader = dict(dataset=dict(use_distribution=True))
