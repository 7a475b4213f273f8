# Class folders of your own, <data_root>/{train,valid}/<class>/image.jpg. No converter is needed;
# for landmarks write an annotation file first (docs/datasets.md) and set ann_file.
data_root = 'data/my_faces/'
# None takes the folders of each split by alphabet: a class that the valid folder lacks would shift
# all labels behind it. So give the names, as configs/examples/swap_dataset.py does.
classes = None

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
        type='ranfer.FERFolder',
        data_root=data_root + 'train',
        metainfo=dict(classes=classes),
        pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
)
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.occlusion=lists/pose30.txt
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='ranfer.FERFolder',
        data_root=data_root + 'valid',
        metainfo=dict(classes=classes),
        conditions=dict(),
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
val_evaluator = dict(type='ranfer.FERMetric')

test_dataloader = val_dataloader
test_evaluator = val_evaluator
