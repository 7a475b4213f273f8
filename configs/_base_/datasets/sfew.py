# SFEW 2.0: 224x224 faces from film frames. `tools/dataset_converters/sfew.py` makes the files.
_base_ = './faces.py'

data_root = 'data/sfew/'

faces = dict(type='ranfer.SFEW', data_root=data_root)
train_dataloader = dict(dataset=dict(ann_file='train.json', **faces))
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.pose30=lists/pose30.txt
val_dataloader = dict(dataset=dict(ann_file='valid.json', conditions=dict(), **faces))
test_dataloader = val_dataloader
