# RAN-ResNet-18 with the softmax of the authors' code, every region asked to tell the expression alone.
_base_ = './ran_r18.py'

model = dict(
    neck=dict(activation='sigmoid_softmax'),
    head=dict(
        activation='sigmoid_softmax', single_region_loss=dict(type='CrossEntropyLoss')))
