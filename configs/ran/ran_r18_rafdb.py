_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/rafdb.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=7))
data_preprocessor = dict(num_classes=7)
