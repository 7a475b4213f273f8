# Plain IResNet-50 on the whole face, see ran_ir50_rafdb.py.
_base_ = './r18_rafdb.py'

model = dict(backbone=dict(_delete_=True, type='ranfer.IResNet', depth=50))
data_preprocessor = dict(crop_size=112, mean=[127.5] * 3, std=[127.5] * 3)
