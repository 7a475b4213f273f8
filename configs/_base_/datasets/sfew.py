# SFEW 2.0: 224x224 faces from film frames. `tools/dataset_converters/sfew.py` makes the files.
_base_ = './faces.py'

data_root = 'data/sfew/'

train_dataloader = dict(dataset=dict(type='ranfer.SFEW', data_root=data_root))
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.occlusion=lists/pose30.txt
val_dataloader = dict(dataset=dict(type='ranfer.SFEW', data_root=data_root, ann_file='valid.json'))
test_dataloader = val_dataloader
