# MMPretrain's own ImageClassifier with region attention: no classifier of ranfer involved.
_base_ = ['../ran/ran_r18_synthfer.py']

model = dict(
    _delete_=True,
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
    neck=dict(type='ranfer.RANNeck', in_channels=512, num_regions=6),
    head=dict(
        type='ranfer.RelationAttentionHead',
        num_classes=7,
        in_channels=512,
        region_loss=dict(type='ranfer.RegionBiasedLoss', margin=0.02)),
)
data_preprocessor = dict(with_mask=False)
