# Your own faces: one folder a class below data/faces/train and data/faces/val.
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferfolder.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]
