"""Checkpoints are data: they are loaded without running code that somebody put into them.

MMEngine stores training history next to the weights as ``HistoryBuffer`` objects with NumPy arrays.
PyTorch's restricted unpickler refuses those by default, so ``--resume`` fails with recent PyTorch.
Here the few types that MMEngine writes are allowed, and every checkpoint, local or downloaded, goes
through a restricted unpickler: PyTorch's own, or ours before PyTorch 2.4, which cannot be told what
to allow.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.utils import digit_version

try:  # NumPy 2
    from numpy._core.multiarray import _reconstruct, scalar  # type: ignore
except ImportError:  # NumPy 1
    from numpy.core.multiarray import _reconstruct, scalar  # type: ignore


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


_DIGEST = re.compile(r'-(?=\d*[a-f])([a-f0-9]{8,})\.')
"""Start of a hash in a file name, which has a letter, unlike a date or an epoch."""

_FORBIDDEN = re.compile(r'(GLOBAL|getattr of) \S+')
"""What PyTorch's unpickler or ours found and refused."""


def use_safe_loading() -> None:
    """Make MMEngine load checkpoints without executing anything in them."""
    if hasattr(torch.serialization, 'add_safe_globals'):
        _extend_allow_list()
    register = CheckpointLoader.register_scheme
    register('', load_from_local, force=True)
    register(('http://', 'https://'), load_from_http, force=True)
    mmengine_checkpoint.load_from_http = load_from_http  # behind torchvision:// and such
    stores = ('pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://')
    register(stores, load_from_store, force=True)


def load_from_local(filename: str, map_location: Any = None) -> dict:
    """See :func:`load_checkpoint`; MMEngine logs the name of this function."""
    return load_checkpoint(filename, map_location)


def load_from_http(filename: str, map_location: Any = None) -> dict:
    """Download a checkpoint into PyTorch's cache, once, and load it as a local one.

    Args:
        filename: Address. A hash of eight or more digits at the end of its file name, as in
            ``resnet18-f37072fd.pth``, is checked.
        map_location: As in ``torch.load``.

    Raises:
        OSError: If it cannot be fetched.
        ValueError: As in :func:`load_checkpoint`.
    """
    name = os.path.basename(urlparse(filename).path)
    target = os.path.join(torch.hub.get_dir(), 'checkpoints', name)
    if is_main_process():
        _fetch(filename, target)
    barrier()
    _fetch(filename, target)  # on other nodes, whose cache is another
    return load_checkpoint(target, map_location)


def _fetch(address: str, target: str) -> None:
    """Download a file unless it is there; it appears in one step."""
    if os.path.isfile(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    digest = _DIGEST.search(os.path.basename(target))
    try:
        torch.hub.download_url_to_file(address, target, digest and digest[1])
    except (OSError, RuntimeError) as error:
        raise OSError(
            f'Checkpoint {address} cannot be fetched ({error}); check the address, or download it '
            f'and give the path of the file.'
        ) from error


def load_from_store(filename: str, map_location: Any = None) -> dict:
    """Refuse object stores, whose loaders in MMEngine would run what a file holds.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f'Checkpoint {filename} lies in an object store, which ranfer does not read; download it '
        f'and give the path of the file.'
    )


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
    saved = _unpickle(filename, map_location)
    if not isinstance(saved, dict):
        raise ValueError(
            f'Checkpoint {filename} holds a {type(saved).__name__}, expected a dict of weights; '
            f'save the state_dict of the model.'
        )
    if isinstance(saved.get('meta'), dict):
        saved['meta'].pop('config', None)  # text that MMEngine would run to resume
    return saved


def _unpickle(filename: str, map_location: Any) -> Any:
    filename = os.path.expanduser(filename)
    if not os.path.isfile(filename):
        raise FileNotFoundError(f'Checkpoint {filename} does not exist; check the path.')
    try:
        _check_archive(filename)
        if hasattr(torch.serialization, 'add_safe_globals'):
            return torch.load(filename, map_location=map_location, weights_only=True)
        return torch.load(filename, map_location=map_location, pickle_module=_RestrictedPickle)
    except Exception as error:  # an unpickler raises any kind on a file that is cut off or made up
        found = isinstance(error, pickle.UnpicklingError) and _FORBIDDEN.search(str(error))
        if found:
            raise ValueError(
                f'Checkpoint {filename} was refused, because it holds more than weights and plain '
                f'values and loading it could run code (found {found[0]}); ask its author for a '
                f'file with the state_dict alone.'
            ) from error
        raise ValueError(
            f'Checkpoint {filename} cannot be read ({_first_line(error)}); the file is cut off or '
            f'no PyTorch checkpoint, so fetch it again or resume from an earlier one.'
        ) from error


def _first_line(error: Exception) -> str:
    # Before this word PyTorch advises to load the file unsafely.
    text = str(error).split('WeightsUnpickler error:')[-1].strip() or type(error).__name__
    return text.splitlines()[0][:200]


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
