# At 64 pixels the map after two stages is 8x8; regions of 4x4 cost 1.23 plain faces in all.
_base_ = [
    '../_base_/models/ran_shared_r18.py',
    '../_base_/datasets/synthfer.py',
    '../_base_/schedules/onecycle.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(split_stage=2, roi_size=4))
data_preprocessor = dict(crop_size=64)
