# FERPlus from random weights, the full form on 64-pixel crops, the authors' attention, no occluders in
# training: how RAN stands to the plain net where occlusion comes as a surprise.
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferplus_clean.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(
    neck=dict(activation='sigmoid_softmax'),
    head=dict(num_classes=8, activation='sigmoid_softmax'))
data_preprocessor = dict(crop_size=64, num_classes=8)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
