"""Checkpoints are data: they are loaded without running code that somebody put into them.

MMEngine stores training history next to the weights as ``HistoryBuffer`` objects with NumPy arrays.
PyTorch's restricted unpickler refuses those by default, so ``--resume`` fails with recent PyTorch.
Here the few types that MMEngine writes are allowed, and every local checkpoint goes through the
restricted unpickler, also with older PyTorch releases whose default would run arbitrary code.
"""

from __future__ import annotations

import os.path
import pickle
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmengine.utils import digit_version
from torch import _weights_only_unpickler

try:  # NumPy 2
    from numpy._core.multiarray import _reconstruct, scalar
except ImportError:  # NumPy 1
    from numpy.core.multiarray import _reconstruct, scalar

_DTYPES = {type(np.dtype(name)) for name in ('f4', 'f8', 'i4', 'i8', 'u1', '?')}
_TYPES = (HistoryBuffer, np.ndarray, np.dtype, *_DTYPES)


def use_safe_loading() -> None:
    """Make MMEngine load local checkpoints with PyTorch's restricted unpickler."""
    _allow(_TYPES)
    CheckpointLoader.register_scheme(prefixes='', loader=load_checkpoint, force=True)


def load_checkpoint(filename: str, map_location: Any = None) -> dict:
    """Load a local checkpoint without executing anything in it.

    Args:
        filename: Path of the checkpoint.
        map_location: As in ``torch.load``.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is cut off, or holds types other than tensors,
            plain values and what MMEngine stores.
    """
    filename = os.path.expanduser(filename)
    if not os.path.isfile(filename):
        raise FileNotFoundError(f'Checkpoint {filename} does not exist; check the path.')
    try:
        return torch.load(filename, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).split('\n')[0]
        raise ValueError(
            f'Checkpoint {filename} was refused, because it holds more than weights and plain '
            f'values and loading it could run code ({reason}); ask its author for a file with the '
            f'state_dict alone.'
        ) from error
    except (RuntimeError, EOFError, KeyError) as error:
        raise ValueError(
            f'Checkpoint {filename} cannot be read ({error}); the file is cut off or no PyTorch '
            f'checkpoint, so fetch it again or resume from an earlier one.'
        ) from error


def _allow(types: tuple[type, ...]) -> None:
    """Add the types, and the two functions that rebuild NumPy data, to PyTorch's allow-list."""
    named = {f'{t.__module__}.{t.__qualname__}': t for t in types}
    for function in (_reconstruct, scalar):
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
            named[f'{module}.{function.__name__}'] = function  # as NumPy 1 and NumPy 2 write it
    if digit_version(torch.__version__) >= digit_version('2.6'):
        torch.serialization.add_safe_globals([(value, name) for name, value in named.items()])
    elif hasattr(torch.serialization, 'add_safe_globals'):
        torch.serialization.add_safe_globals(list(named.values()))
    else:  # before PyTorch 2.4; the dict is cached, so what is added here stays
        _weights_only_unpickler._get_allowed_globals().update(named)
