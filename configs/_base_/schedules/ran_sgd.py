# SGD with momentum, divided by 10 at 30 %, 50 % and 80 % of the epochs, as in the authors' script.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
)

param_scheduler = dict(type='MultiStepLR', by_epoch=True, milestones=[18, 30, 48], gamma=0.1)

train_cfg = dict(by_epoch=True, max_epochs=60, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# The learning rate above is for this batch size over all processes.
auto_scale_lr = dict(enable=False, base_batch_size=64)
