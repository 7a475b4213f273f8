# Half the width of ResNet-18, all else as in configs/ran/ran_r18-slim_ferplus.py.
_base_ = './r18_ferplus_96px.py'

model = dict(backbone=dict(base_channels=32), head=dict(in_channels=256))
