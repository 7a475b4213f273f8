# RAF-DB, basic expressions: 100x100 aligned faces. `tools/dataset_converters/rafdb.py` makes the files.
_base_ = './faces.py'

data_root = 'data/rafdb/'

faces = dict(type='ranfer.RAFDB', data_root=data_root)
train_dataloader = dict(dataset=dict(ann_file='train.json', **faces))
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.occlusion=lists/rafdb_occlusion_list.txt
val_dataloader = dict(dataset=dict(ann_file='test.json', conditions=dict(), **faces))
test_dataloader = val_dataloader
