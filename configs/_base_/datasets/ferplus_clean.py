# FERPlus for training from random weights without occluders: vote distributions; light and place
# drawn, two of the five crops.
_base_ = './ferplus.py'

train_dataloader = dict(
    dataset=dict(
        use_distribution=True,
        pipeline=[
            dict(type='ranfer.LoadFaceImage'),
            dict(type='ColorJitter', brightness=0.3, contrast=0.3),
            dict(type='ranfer.RandomFaceAffine', rotation=15, scale=(0.85, 1.15), translate=0.1),
            dict(type='ranfer.RandomFaceFlip', prob=0.5),
            dict(
                type='ranfer.RegionCropTransform',
                strategy=dict(
                    type='RegionDropout', strategy=dict(type='FixedRegions'), keep=2)),
            dict(type='ranfer.PackRegionInputs'),
        ]))
