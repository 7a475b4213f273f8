# A short schedule from random weights: one cycle up and down.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05),
)

param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=2,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR', eta_min_ratio=0.001, by_epoch=True, begin=2, end=10,
        convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(enable=False, base_batch_size=64)
