# RAN with ResNet-18 (paper, section III): self-attention, relation-attention, region biased loss.
model = dict(
    type='ranfer.RANClassifier',
    backbone=dict(
        type='ranfer.FastResNet', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
    neck=dict(type='ranfer.RANNeck', in_channels=512),
    head=dict(
        type='ranfer.RelationAttentionHead',
        num_classes=7,
        in_channels=512,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
        region_loss=dict(type='ranfer.RegionBiasedLoss', margin=0.02)),
    channels_last=True,
)

data_preprocessor = dict(
    type='ranfer.RegionDataPreprocessor',
    crop_size=224,
    num_classes=7,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
