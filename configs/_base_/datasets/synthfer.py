# SynthFER: drawn faces with known occlusion and pose. The files are made on first use.
_base_ = './faces.py'

data_root = 'data/synthfer/'
generate = dict(seed=0)

faces = dict(type='ranfer.SynthFER', data_root=data_root, generate=generate)
train_dataloader = dict(dataset=dict(ann_file='train.json', **faces))
val_dataloader = dict(batch_size=64, dataset=dict(ann_file='val.json', **faces))
test_dataloader = dict(batch_size=64, dataset=dict(ann_file='test.json', **faces))
# test.json holds further occluded and turned faces, which count in their conditions only.
test_evaluator = dict(type='ranfer.FERMetric', overall='natural')
