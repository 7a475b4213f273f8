"""Checkpoints are data: they are loaded without running code that somebody put into them.

MMEngine stores training history next to the weights as ``HistoryBuffer`` objects with NumPy arrays.
PyTorch's restricted unpickler refuses those by default, so ``--resume`` fails with recent PyTorch.
Here the few types that MMEngine writes are allowed, and every local checkpoint goes through a
restricted unpickler: PyTorch's own, or ours before PyTorch 2.4, which cannot be told what to allow.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.utils import digit_version
from torch import nn

try:  # NumPy 2
    from numpy._core.multiarray import _reconstruct, scalar
except ImportError:  # NumPy 1
    from numpy.core.multiarray import _reconstruct, scalar


_METHODS = {
    HistoryBuffer: ('min', 'max', 'mean', 'current'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}
"""Functions that MMEngine's objects keep a reference to."""


def _known_method(owner: Any, name: str) -> Any:
    """Stand in for ``getattr``: reach the functions that MMEngine refers to, and no more."""
    if name not in _METHODS.get(owner, ()):
        raise pickle.UnpicklingError(f'getattr of {name!r} is not allowed')
    return getattr(owner, name)


def _empty_bytes() -> bytes:
    """Stand in for ``bytes``, by which pickle protocol 2 writes empty ones, and no more."""
    return b''


_TYPES = (
    Counter,  # milestones of a MultiStepLR
    *_METHODS,
    np.ndarray,
    np.dtype,
    *{type(np.dtype(name)) for name in ('f4', 'f8', 'i4', 'i8', 'u1', '?')},
)
_ALLOWED: dict[str, Any] = {f'{t.__module__}.{t.__qualname__}': t for t in _TYPES}
for _module in ('builtins', '__builtin__'):
    _ALLOWED |= {f'{_module}.getattr': _known_method, f'{_module}.bytes': _empty_bytes}
for _module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # NumPy 1 and 2
    _ALLOWED |= {f'{_module}._reconstruct': _reconstruct, f'{_module}.scalar': scalar}

_TENSOR_GLOBALS = {
    '_codecs.encode',
    'collections.OrderedDict',
    'torch.Size',
    'torch.Tensor',
    'torch.device',
    'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_tensor',
    'torch._utils._rebuild_tensor_v2',
    'torch.nn.parameter.Parameter',
    'torch.serialization._get_layout',
    'torch.storage.UntypedStorage',
}
"""What a file of tensors alone refers to."""


_BROKEN = (
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
"""What an unpickler raises on a file that is cut off or made up."""


def use_safe_loading() -> None:
    """Make MMEngine load local checkpoints without executing anything in them."""
    if hasattr(torch.serialization, 'add_safe_globals'):
        _extend_allow_list()
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
        _check_archive(filename)
        if hasattr(torch.serialization, 'add_safe_globals'):
            return torch.load(filename, map_location=map_location, weights_only=True)
        return torch.load(filename, map_location=map_location, pickle_module=_RestrictedPickle)
    except pickle.UnpicklingError as error:
        reason = re.search(r'(GLOBAL|getattr of) \S+|$', str(error))[0] or 'unknown content'
        raise ValueError(
            f'Checkpoint {filename} was refused, because it holds more than weights and plain '
            f'values and loading it could run code (found {reason}); ask its author for a file '
            f'with the state_dict alone.'
        ) from error
    except _BROKEN as error:
        raise ValueError(
            f'Checkpoint {filename} cannot be read ({error}); the file is cut off or no PyTorch '
            f'checkpoint, so fetch it again or resume from an earlier one.'
        ) from error


def load_weights(model: nn.Module, filename: str) -> None:
    """Load a checkpoint into a model that it fits in every name and shape.

    Args:
        model: The model.
        filename: Path of the checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or one of another model.
    """
    saved = load_checkpoint(filename, map_location='cpu')
    state = saved.get('state_dict', saved)
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()[:300]
        raise ValueError(
            f'Checkpoint {filename} does not fit the config ({reason}); give the config that it '
            f'was trained with.'
        ) from error


def _check_archive(filename: str) -> None:
    """Refuse what no checkpoint needs: compressed content, which could unpack to far more than the
    file weighs, and TorchScript, which PyTorch before 2.4 would load as a program."""
    if not zipfile.is_zipfile(filename):
        return
    with zipfile.ZipFile(filename) as archive:
        entries = archive.infolist()
    if any(os.path.basename(entry.filename) == 'constants.pkl' for entry in entries):
        raise pickle.UnpicklingError('GLOBAL TorchScript is not allowed')
    if sum(entry.file_size for entry in entries) > os.path.getsize(filename):
        raise ValueError('it unpacks to more than it weighs')


def _extend_allow_list() -> None:
    """Tell PyTorch's restricted unpickler what MMEngine stores."""
    if digit_version(torch.__version__) >= digit_version('2.6'):
        torch.serialization.add_safe_globals([(value, name) for name, value in _ALLOWED.items()])
        return
    listed = [v if isinstance(v, type) else _alias(v, name) for name, v in _ALLOWED.items()]
    torch.serialization.add_safe_globals(listed)


def _alias(function: Callable, name: str) -> Callable:
    """The function under another full name: PyTorch 2.4 and 2.5 know it by that alone."""

    def alias(*args: Any) -> Any:
        return function(*args)

    alias.__module__, alias.__qualname__ = name.rsplit('.', 1)
    return alias


class _RestrictedUnpickler(pickle.Unpickler):
    """Finds tensors and what MMEngine stores, nothing else: for PyTorch before 2.4."""

    def find_class(self, module: str, name: str) -> Any:
        full_name = f'{module}.{name}'
        if full_name in _ALLOWED:
            return _ALLOWED[full_name]
        is_dtype = module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype)
        if full_name in _TENSOR_GLOBALS or is_dtype:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'GLOBAL {full_name} is not allowed')


class _RestrictedPickle:
    """What ``torch.load`` needs of a pickle module."""

    Unpickler = _RestrictedUnpickler

    @staticmethod
    def load(file: BinaryIO, **kwargs: Any) -> Any:
        return _RestrictedUnpickler(file, **kwargs).load()
