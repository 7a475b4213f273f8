_base_ = [
    '../_base_/models/r18.py',
    '../_base_/datasets/rafdb.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]
