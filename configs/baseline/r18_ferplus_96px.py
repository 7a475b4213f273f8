# Plain ResNet-18 with all else as in configs/ran/ran_shared_r18_ferplus_scratch.py.
_base_ = './r18_ferplus_scratch.py'

data_preprocessor = dict(crop_size=96)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
