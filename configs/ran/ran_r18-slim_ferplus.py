# The small shipped model: half the width of ResNet-18, the attention of the authors' code and every
# region asked to tell the expression alone; all else as in ran_shared_r18_ferplus_scratch.py.
_base_ = './ran_shared_r18_ferplus_scratch.py'

model = dict(
    backbone=dict(backbone=dict(base_channels=32)),
    neck=dict(in_channels=256, activation='sigmoid_softmax'),
    head=dict(
        in_channels=256,
        activation='sigmoid_softmax',
        single_region_loss=dict(type='CrossEntropyLoss')))
