# RAF-DB, basic expressions: 100x100 aligned faces. `tools/dataset_converters/rafdb.py` makes the files.
_base_ = './faces.py'

data_root = 'data/rafdb/'

train_dataloader = dict(dataset=dict(type='ranfer.RAFDB', data_root=data_root))
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.occlusion=lists/rafdb_occlusion_list.txt
val_dataloader = dict(dataset=dict(type='ranfer.RAFDB', data_root=data_root, ann_file='test.json'))
test_dataloader = val_dataloader
