"""Mixed precision on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from ranfer.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """MMEngine's ``OptimWrapper`` with the forward pass in bfloat16 autocast.

    bfloat16 has the range of float32 and needs no loss scaling, so this also runs on CPUs, where
    MMEngine's ``AmpOptimWrapper`` refuses to start.

    Args:
        **kwargs: Keys of ``OptimWrapper``.

    Example:
        >>> optim_wrapper = dict(
        ...     type='ranfer.AutocastOptimWrapper', optimizer=dict(type='SGD', lr=0.01))
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass of ``model`` in autocast."""
        with super().optim_context(model), torch.autocast(get_device(), torch.bfloat16):
            yield
