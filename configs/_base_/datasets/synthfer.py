# SynthFER: drawn faces with known occlusion and pose. The files are made on first use.
data_root = 'data/synthfer/'
generate = dict(seed=0)

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
    dataset=dict(
        type='ranfer.SynthFER',
        data_root=data_root,
        ann_file='train.json',
        generate=generate,
        pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='ranfer.SynthFER',
        data_root=data_root,
        ann_file='val.json',
        generate=generate,
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
val_evaluator = dict(type='ranfer.FERMetric')

test_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='ranfer.SynthFER',
        data_root=data_root,
        ann_file='test.json',
        generate=generate,
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
# test.json holds further occluded and turned faces, which count in their conditions only.
test_evaluator = dict(type='ranfer.FERMetric', overall='natural')
