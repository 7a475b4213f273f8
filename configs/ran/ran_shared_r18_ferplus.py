# A face-pretrained ResNet-18 goes in by
#   --cfg-options model.backbone.backbone.init_cfg.type=Pretrained \
#       model.backbone.backbone.init_cfg.checkpoint=resnet18_face.pth \
#       model.backbone.backbone.init_cfg.prefix=backbone.
_base_ = [
    '../_base_/models/ran_shared_r18.py',
    '../_base_/datasets/ferplus.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(num_classes=8)
