# FERPlus for training from random weights: vote distributions; light, place, occluders and three of
# the five crops drawn.
_base_ = './ferplus.py'

light_and_place = [
    dict(type='ranfer.LoadFaceImage'),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3),
    dict(type='ranfer.RandomFaceAffine', rotation=15, scale=(0.85, 1.15), translate=0.1),
    dict(type='ranfer.RandomFaceFlip', prob=0.5),
]

train_dataloader = dict(
    dataset=dict(
        use_distribution=True,
        pipeline=[
            *light_and_place,
            dict(type='ranfer.RandomOcclusion', prob=0.25),
            dict(
                type='ranfer.RegionCropTransform',
                strategy=dict(
                    type='RegionDropout', strategy=dict(type='FixedRegions'), keep=3)),
            dict(type='ranfer.PackRegionInputs'),
        ]))
