# FERPlus: 48x48 grey faces. `tools/dataset_converters/ferplus.py` makes the files.
_base_ = './faces.py'

data_root = 'data/ferplus/'

train_steps = [
    dict(type='ranfer.LoadFaceImage'),
    dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.08),
    dict(type='ranfer.RandomFaceFlip', prob=0.5),
]
train_pipeline = [
    *train_steps,
    dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions')),
    dict(type='ranfer.PackRegionInputs'),
]

faces = dict(type='ranfer.FERPlus', data_root=data_root)
train_dataloader = dict(dataset=dict(ann_file='train.json', pipeline=train_pipeline, **faces))
val_dataloader = dict(dataset=dict(ann_file='valid.json', **faces))
# Lists of names by condition, for example occlusion='lists/occlusion.txt', and pose30, pose45.
test_dataloader = dict(dataset=dict(ann_file='valid.json', conditions=dict(), **faces))
