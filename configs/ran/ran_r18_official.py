# What the authors' released code computes: softmax over the regions, biases, margin 0.1, RGB in 0..1.
_base_ = ['./ran_r18_ferplus.py']

model = dict(
    neck=dict(activation='sigmoid_softmax', bias=True),
    head=dict(
        activation='sigmoid_softmax', bias=True,
        region_loss=dict(type='ranfer.RegionBiasedLoss', margin=0.1)))
data_preprocessor = dict(mean=[0, 0, 0], std=[255, 255, 255])
