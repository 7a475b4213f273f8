custom_imports = dict(imports=['ranfer'], allow_failed_imports=False)
default_scope = 'mmpretrain'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='ranfer.SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='fer/accuracy',
        rule='greater'),
    class_order=dict(type='ranfer.ClassOrderHook'),
    sampler_seed=dict(type='ranfer.EpochSeedHook'),
    # Processes are evaluated with the mean of their batch statistics, which is saved.
    sync_buffers=dict(type='SyncBuffersHook'),
    non_finite_guard=dict(type='ranfer.NonFiniteGuardHook'),
    visualization=dict(type='ranfer.FaceVisualizationHook', enable=False),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=1800),
)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ranfer.RANVisualizer', vis_backends=vis_backends)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0, deterministic=False)
