# Half the width of ResNet-18, a quarter of its cost: the baseline of `make quickstart`.
_base_ = ['./r18_synthfer.py']

model = dict(backbone=dict(base_channels=32), head=dict(in_channels=256))
