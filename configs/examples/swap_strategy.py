# Other regions: five squares around the landmarks.
_base_ = ['../ran/ran_r18_synthfer.py']

regions = dict(
    type='ranfer.RegionCropTransform', strategy=dict(type='LandmarkRegions', radius=0.25), seed=0)
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.train_steps, dict(regions, seed=None), _base_.pack]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.test_steps, regions, _base_.pack]))
test_dataloader = dict(dataset=dict(pipeline=[*_base_.test_steps, regions, _base_.pack]))
