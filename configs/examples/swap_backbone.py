# Another backbone: name it and say how wide its last stage is.
_base_ = ['../ran/ran_r18_synthfer.py']

model = dict(
    backbone=dict(_delete_=True, type='MobileNetV2', widen_factor=1.0),
    neck=dict(in_channels=1280),
    head=dict(in_channels=1280))
