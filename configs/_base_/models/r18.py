# Plain ResNet-18 on the whole face: MMPretrain's own classifier, same data and preprocessing,
# with logits in float32 under --amp too, as RAN's head has them.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ranfer.FastResNet', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='ranfer.Float32LinearHead',
        num_classes=7,
        in_channels=512,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0)),
)

data_preprocessor = dict(
    type='ranfer.RegionDataPreprocessor',
    num_regions=1,
    with_mask=False,
    crop_size=224,
    num_classes=7,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
