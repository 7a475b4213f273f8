# Half the width of ResNet-18, a quarter of its cost: what `make quickstart` trains on a CPU.
_base_ = ['./ran_r18_synthfer.py']

model = dict(
    backbone=dict(base_channels=32),
    neck=dict(in_channels=256),
    head=dict(in_channels=256))
