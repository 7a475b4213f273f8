# AffectNet with 8 classes, or 7 without contempt: num_classes=7 here and in the model.
# `tools/dataset_converters/affectnet.py` makes the files.
_base_ = './faces.py'

data_root = 'data/affectnet/'
num_classes = 8

faces = dict(type='ranfer.AffectNet', data_root=data_root, num_classes=num_classes)
train_dataloader = dict(
    dataset=dict(ann_file='train.json', **faces),
    # Over-sampling of rare classes, as in the paper.
    sampler=dict(_delete_=True, type='ranfer.ClassBalancedSampler'),
)
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.pose30=lists/pose_30_affectnet_list.txt
val_dataloader = dict(dataset=dict(ann_file='valid.json', conditions=dict(), **faces))
test_dataloader = val_dataloader
