# FERPlus: 48x48 grey faces. `tools/dataset_converters/ferplus.py` makes the files.
data_root = 'data/ferplus/'

pack = dict(type='ranfer.PackRegionInputs')
train_steps = [
    dict(type='ranfer.LoadFaceImage'),
    dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.08),
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
        type='ranfer.FERPlus',
        data_root=data_root,
        ann_file='train.json',
        pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='ranfer.FERPlus',
        data_root=data_root,
        ann_file='valid.json',
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
val_evaluator = dict(type='ranfer.FERMetric')

# Lists of names by condition, for example occlusion='lists/occlusion.txt', and pose30, pose45.
test_dataloader = dict(
    batch_size=128,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='ranfer.FERPlus',
        data_root=data_root,
        ann_file='valid.json',
        conditions=dict(),
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
test_evaluator = val_evaluator
