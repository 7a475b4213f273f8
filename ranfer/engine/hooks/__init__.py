"""Hooks of MMEngine's runner."""

from ranfer.engine.hooks.checkpoint_hook import SafeCheckpointHook
from ranfer.engine.hooks.class_order_hook import ClassOrderHook
from ranfer.engine.hooks.epoch_seed_hook import EpochSeedHook
from ranfer.engine.hooks.face_visualization_hook import FaceVisualizationHook
from ranfer.engine.hooks.non_finite_guard_hook import NonFiniteGuardHook
from ranfer.engine.hooks.visualization_hook import RANVisualizationHook

__all__ = [
    'ClassOrderHook',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'NonFiniteGuardHook',
    'RANVisualizationHook',
    'SafeCheckpointHook',
]
