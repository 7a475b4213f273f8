# FERPlus for training from random weights without occluders: all five crops, all else as in
# ferplus_augmented.py.
_base_ = './ferplus_augmented.py'

train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        pipeline=[
            *_base_.light_and_place,
            dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions')),
            dict(type='ranfer.PackRegionInputs'),
        ]))
