_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/synthfer.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(crop_size=64)
