# Your own faces: one folder a class below data/my_faces/train and data/my_faces/valid.
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferfolder.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]

data_root = 'data/my_faces/'
classes = ['calm', 'joy', 'surprise']  # the folders in the order of their labels, for all splits

model = dict(head=dict(num_classes=len(classes)))
data_preprocessor = dict(num_classes=len(classes))
train_dataloader = dict(
    dataset=dict(data_root=data_root + 'train', metainfo=dict(classes=classes)))
val_dataloader = dict(
    dataset=dict(data_root=data_root + 'valid', metainfo=dict(classes=classes)))
test_dataloader = val_dataloader
