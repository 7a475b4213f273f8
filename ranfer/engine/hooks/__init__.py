"""Hooks of MMEngine's runner."""

from ranfer.engine.hooks.checkpoint_hook import SafeCheckpointHook
from ranfer.engine.hooks.visualization_hook import RANVisualizationHook

__all__ = ['RANVisualizationHook', 'SafeCheckpointHook']
