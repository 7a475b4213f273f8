# FERPlus for training from random weights without occluders: two of the five crops, all else as in
# ferplus_augmented.py.
_base_ = './ferplus_augmented.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.light_and_place,
            dict(
                type='ranfer.RegionCropTransform',
                strategy=dict(
                    type='RegionDropout', strategy=dict(type='FixedRegions'), keep=2)),
            dict(type='ranfer.PackRegionInputs'),
        ]))
