# A minute on a CPU: 64 drawn faces, a narrow net, two epochs. For trying things out.
_base_ = ['../ran/ran_r18_synthfer.py']

data_root = 'data/synthfer_debug/'
generate = dict(train=64, val=16, test=16, occlusion=8, pose30=8, pose45=8, size=64, seed=0)

model = dict(
    backbone=dict(base_channels=8), neck=dict(in_channels=64), head=dict(in_channels=64))
data_preprocessor = dict(crop_size=32)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    dataset=dict(data_root=data_root, generate=generate))
val_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root, generate=generate))
test_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root, generate=generate))
param_scheduler = dict(
    _delete_=True, type='CosineAnnealingLR', T_max=2, by_epoch=True, convert_to_iter_based=True)
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
