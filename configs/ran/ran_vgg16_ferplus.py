# RAN with VGG-16 on globally pooled features, 512 a region as ResNet-18 has. VGG-Face goes in by one
# key, after tools/model_converters/ran_official_to_ranfer.py vgg_face.pth vgg16.pth --kind backbone:
#   --cfg-options load_from=vgg16.pth
# The mean is that of VGG-Face. Its Caffe release wants BGR, as set here; ports of the MatConvNet
# release want RGB: to_rgb=True and mean=[129.186,104.762,93.594].
_base_ = ['./ran_r18_ferplus.py']

model = dict(backbone=dict(_delete_=True, type='VGG', depth=16))
data_preprocessor = dict(to_rgb=False, mean=[93.594, 104.762, 129.186], std=[1, 1, 1])
