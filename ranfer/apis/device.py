"""Names of devices."""

from __future__ import annotations

import torch
from mmengine.device import get_device


def find_device(name: str) -> torch.device:
    """Turn a device name into a device that is there.

    Args:
        name: Device of PyTorch, such as ``'cuda:1'``, or ``'auto'`` for what MMEngine finds.

    Raises:
        ValueError: If there is no such device.
    """
    if name == 'auto':
        name = get_device()
        if not _has_autocast(name):
            name = 'cpu'
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        torch.autocast(device.type, enabled=False)  # the attention turns it off
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:
        reason = str(error).split('\n')[0].split(', but')[0]
        raise ValueError(
            f"Device {name!r} is not available ({reason}); use device='auto' or 'cpu'."
        ) from error
    return device


def _has_autocast(name: str) -> bool:
    """Whether this PyTorch knows mixed precision on a device; an older one does not on MPS."""
    try:
        torch.autocast(name, enabled=False)
    except RuntimeError:
        return False
    return True
