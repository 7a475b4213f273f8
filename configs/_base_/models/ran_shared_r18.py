# Shared-feature RAN with ResNet-18: three stages see the whole face once, the last one sees the six
# regions, cut to 8x8 from the 14x14 map. 1.23 times the multiplications of one plain face.
model = dict(
    type='ranfer.RANClassifier',
    backbone=dict(
        type='ranfer.SharedRegionBackbone',
        backbone=dict(
            type='ranfer.FastResNet', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
        split_stage=3,
        roi_size=8),
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
    crop=False,
    crop_size=224,
    num_classes=7,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
