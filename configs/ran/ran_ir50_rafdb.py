# RAN with IResNet-50, the net of face recognition, on crops of 112 pixels. ArcFace weights of InsightFace go
# in by one key, after tools/model_converters/ran_official_to_ranfer.py arcface_r50.pth ir50.pth --kind backbone:
#   --cfg-options load_from=ir50.pth
# Other depths: model.backbone.depth=18, 34, 100 or 200; the converter says which one a file holds.
_base_ = './ran_r18_rafdb.py'

model = dict(backbone=dict(_delete_=True, type='ranfer.IResNet', depth=50))
data_preprocessor = dict(crop_size=112, mean=[127.5] * 3, std=[127.5] * 3)
