# Half the width of ResNet-18 and one look at the face: the base of the ablation on a CPU.
_base_ = ['./ran_shared_r18_synthfer.py']

model = dict(
    backbone=dict(backbone=dict(base_channels=32)),
    neck=dict(in_channels=256),
    head=dict(in_channels=256))
