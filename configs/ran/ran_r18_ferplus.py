_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferplus.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]

# A face-pretrained backbone by one key, for example 'work_dirs/resnet18_msceleb.pth'.
pretrained = None
model = dict(
    backbone=dict(init_cfg=pretrained and dict(
        type='Pretrained', checkpoint=pretrained, prefix='backbone.')),
    head=dict(num_classes=8),
)
data_preprocessor = dict(num_classes=8)
