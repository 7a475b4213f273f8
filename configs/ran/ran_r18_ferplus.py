# The paper's schedule. A face-pretrained backbone goes in by one key:
#   --cfg-options load_from=resnet18_face.pth
_base_ = [
    '../_base_/models/ran_r18.py',
    '../_base_/datasets/ferplus.py',
    '../_base_/schedules/ran_sgd.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8))
data_preprocessor = dict(num_classes=8)
