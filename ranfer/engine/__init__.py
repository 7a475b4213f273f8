"""What runs around a model: configs, checkpoints, mixed precision and hooks."""

from ranfer.engine.checkpoint import load_checkpoint, use_safe_loading
from ranfer.engine.hooks import (
    ClassOrderHook,
    EpochSeedHook,
    FaceVisualizationHook,
    NonFiniteGuardHook,
    RANVisualizationHook,
    SafeCheckpointHook,
)
from ranfer.engine.precision import AutocastOptimWrapper

__all__ = [
    'AutocastOptimWrapper',
    'ClassOrderHook',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'NonFiniteGuardHook',
    'RANVisualizationHook',
    'SafeCheckpointHook',
    'load_checkpoint',
    'use_safe_loading',
]
