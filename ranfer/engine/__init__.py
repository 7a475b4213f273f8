"""What runs around a model: configs, checkpoints and mixed precision."""

from ranfer.engine.checkpoint import load_checkpoint, use_safe_loading
from ranfer.engine.optim import AutocastOptimWrapper

__all__ = ['AutocastOptimWrapper', 'load_checkpoint', 'use_safe_loading']
