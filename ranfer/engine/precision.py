"""Mixed precision on any device."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
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


def has_bf16() -> bool:
    """Whether the GPU computes in bfloat16; PyTorch's own answer counts slow emulation too."""
    return torch.version.hip is not None or torch.cuda.get_device_capability()[0] >= 8


def evaluate_in_half_precision(cfg: Config, *loops: str) -> None:
    """Let evaluation loops run under autocast, in bfloat16 where the device computes in it.

    Args:
        cfg: Config, changed in place.
        loops: Keys of the loops, such as ``'val_cfg'``; those that are None stay so.
    """
    if torch.cuda.is_available() and has_bf16():  # MMEngine's loops take PyTorch's default, float16
        set_default = getattr(torch, 'set_autocast_dtype', None)
        if set_default is None:  # PyTorch before 2.4
            torch.set_autocast_gpu_dtype(torch.bfloat16)
        else:
            set_default('cuda', torch.bfloat16)
    for loop in loops:
        if cfg.get(loop) is not None:
            cfg[loop].fp16 = True


def takes_amp() -> bool:
    """Whether ``--amp`` is of use on this device; if not, a warning says why."""
    device = get_device()
    if device == 'cuda' or (device == 'cpu' and cpu_has_bf16()):
        return True
    reason = (
        'this CPU does not compute in bfloat16, and emulated it is slower than float32'
        if device == 'cpu'
        else f'MMEngine has none for {device}'
    )
    print_log(f'--amp is left out: {reason}.', 'current', logging.WARNING)
    return False


def cpu_has_bf16() -> bool:
    """Whether PyTorch convolves in bfloat16 by oneDNN here; its other way is many times slower."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
