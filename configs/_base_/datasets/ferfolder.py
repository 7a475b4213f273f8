# Class folders of your own, <data_root>/{train,valid}/<class>/image.jpg. No converter is needed;
# for landmarks write an annotation file first (docs/datasets.md) and set ann_file.
_base_ = './faces.py'

data_root = 'data/my_faces/'
# None takes the folders of each split by alphabet: a class that the valid folder lacks would shift
# all labels behind it, and training ends with an error. So give the names, as
# configs/examples/swap_dataset.py does.
classes = None

faces = dict(type='ranfer.FERFolder', metainfo=dict(classes=classes))
train_dataloader = dict(dataset=dict(data_root=data_root + 'train', **faces))
# Condition lists are given as, for example,
#   --cfg-options test_dataloader.dataset.conditions.pose30=lists/pose30.txt
val_dataloader = dict(dataset=dict(data_root=data_root + 'valid', conditions=dict(), **faces))
test_dataloader = val_dataloader
