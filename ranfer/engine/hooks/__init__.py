"""Hooks of MMEngine's runner."""

from ranfer.engine.hooks.visualization_hook import RANVisualizationHook

__all__ = ['RANVisualizationHook']
