# Aligned faces and the paper's six regions: what several data sets share. A data set builds on this
# file and adds its type, its folder and its annotation files.
pack = dict(type='ranfer.PackRegionInputs')
train_steps = [
    dict(type='ranfer.LoadFaceImage'),
    dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.05),
    dict(type='ranfer.RandomFaceFlip', prob=0.5),
]
test_steps = [dict(type='ranfer.LoadFaceImage')]

train_pipeline = [
    *train_steps,
    dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions')),
    pack,
]
test_pipeline = [
    *test_steps,
    dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions'), seed=0),
    pack,
]

train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='ranfer.collate_faces'),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(pipeline=test_pipeline, test_mode=True),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='ranfer.collate_faces'),
)
val_evaluator = dict(type='ranfer.FERMetric')

test_dataloader = val_dataloader
test_evaluator = val_evaluator
