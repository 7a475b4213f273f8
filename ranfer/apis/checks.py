"""What a model file of a stranger may hold."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from unicodedata import category

import torch
from mmpretrain import registry as mmpretrain_registry
from torch import Tensor

from ranfer.registry import MODELS, REGIONS

MAX_CLASSES = 1000
MAX_FACE = 1024
"""Largest side of a face in pixels."""

_UNPRINTABLE = ('Cc', 'Cs', 'Zl', 'Zp')
"""Categories of Unicode: control characters, halves of characters, ends of lines."""

_OUTSIDE = (
    'mmpretrain.models.classifiers.hugging_face',
    'mmpretrain.models.classifiers.timm',
    'mmpretrain.models.heads.vqa_head',
    'mmpretrain.models.multimodal',
    'mmpretrain.models.retrievers',
    'mmpretrain.models.selfsup.milan',
    'mmpretrain.models.utils.huggingface',
    'mmpretrain.models.utils.tokenizer',
    'mmpretrain.models.utils.vector_quantizer',
)
"""Modules of registered components that fetch a model, or read a file that a config names."""


def _is_number(value: Any, low: float, high: float, kind: Any = int) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high


def _is_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MAX_CLASSES
        and all(isinstance(name, str) and 0 < len(name) <= 100 for name in value)
        and len(set(value)) == len(value)
        and not any(category(letter) in _UNPRINTABLE for name in value for letter in name)
    )


def _is_config(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get('type'), str)


_META: dict[str, tuple[Callable[[Any], bool], str]] = {
    'version': (lambda value: value == 1, '1'),
    'model': (_is_config, 'a config with a type'),
    'classes': (_is_names, f'a list of up to {MAX_CLASSES} different names'),
    'regions': (_is_config, 'a config with a type'),
    'seed': (lambda value: _is_number(value, 0, 2**32 - 1), 'a number of at least 0'),
    'face': (lambda value: isinstance(value, dict), 'a mapping'),
    'dataset': (lambda value: isinstance(value, str) and len(value) <= 100, 'a name'),
}
_FACE: dict[str, tuple[Callable[[Any], bool], str]] = {
    'size': (lambda value: _is_number(value, 1, MAX_FACE), f'1 to {MAX_FACE} pixels'),
    'margin': (lambda value: _is_number(value, -0.4, 4, (int, float)), 'a number in [-0.4, 4]'),
    'grey': (lambda value: isinstance(value, bool), 'True or False'),
    'align': (lambda value: isinstance(value, bool), 'True or False'),
    'shift': (lambda value: _is_number(value, -1, 1, (int, float)), 'a number in [-1, 1]'),
}
_OPTIONAL = ('align', 'shift')
"""What files of earlier releases lack."""


def check_meta(meta: Any, path: str, partial: bool = False) -> None:
    """Check the plain values of a model file.

    Args:
        meta: What the file says besides its weights.
        path: The file, named in errors.
        partial: Whether values may be missing and unknown ones be there, as in an ONNX file.
            Defaults to False.

    Raises:
        ValueError: If a value is missing, unknown, or of another kind than expected.
    """
    if not isinstance(meta, dict):
        _fail(path, f'{reprlib.repr(meta)} for its description', 'a mapping')
    _check(meta, _META, '', path, partial)
    if 'face' in meta:
        _check(meta['face'], _FACE, 'face.', path)


def _check(
    values: dict, known: Mapping[str, tuple], prefix: str, path: str, partial: bool = False
) -> None:
    for key in values:
        if key not in known and not partial:
            _fail(path, f'the entry {reprlib.repr(key)}', ', '.join(known))
    for key, (fits, expected) in known.items():
        if key not in values and key not in _OPTIONAL and not partial:
            _fail(path, f'no {prefix}{key}', expected)
        if key in values and not fits(values[key]):
            _fail(path, f'{prefix}{key} {reprlib.repr(values[key])}', expected)


def check_weights(weights: object, path: str) -> None:
    """Check that a file's weights are tensors that take no more memory than the file holds.

    Args:
        weights: The ``state_dict``.
        path: The file, named in errors.

    Raises:
        ValueError: If they are something else, or a tensor repeats its values by strides of 0.
    """
    if not isinstance(weights, Mapping):
        _fail(path, 'no state_dict', 'a mapping of names to tensors')
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            _fail(path, f'{reprlib.repr(value)} in its state_dict', 'names with tensors')
        if not _is_plain(value):
            _fail(path, f'the weight {name[:80]!r} of a special kind', 'plain tensors of numbers')
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            _fail(path, f'the weight {name[:80]!r} larger than what is stored', 'whole tensors')


def _is_plain(value: Tensor) -> bool:
    special = value.is_quantized or value.is_nested or value.is_complex()
    return value.layout == torch.strided and value.device.type == 'cpu' and not special


def _fail(path: str, got: str, expected: str) -> NoReturn:
    kind, tool = 'Model', 'model_converters/publish_model.py'
    if path.endswith('.onnx'):
        kind, tool = 'ONNX', 'deployment/export_onnx.py'
    raise ValueError(
        f'{kind} file {path!r} has {got}, expected {expected}; make it with tools/{tool} of this '
        f'release.'
    )


def check_types(config: Any) -> None:
    """Refuse a config that names anything but registered components.

    MMEngine would also import a class by its dotted path, which a file of a stranger must not do,
    and some registered components fetch a model from elsewhere.

    Raises:
        ValueError: If a ``type`` is no registered component, or one that fetches models, a text
            names a place such as ``hf_hub:name``, or a key a scope to look in.
    """
    if isinstance(config, (list, tuple)):
        for item in config:
            check_types(item)
    if isinstance(config, str) and ':' in config:
        raise ValueError(
            f'The model names the place {config!r}, from which it would load more; use a model '
            f'file that holds all of its weights.'
        )
    if not isinstance(config, Mapping):
        return
    if '_scope_' in config:
        raise ValueError(
            f'The model has the key _scope_ ({config["_scope_"]!r}), by which it would import a '
            f'package; use a model file without it.'
        )
    name = config.get('type')
    if 'type' in config and not _is_registered(name):
        raise ValueError(
            f'The model names the component {name!r}, which is not registered, or fetches models '
            f'from elsewhere; use a model file made for this release, and import what registers '
            f'the component.'
        )
    for value in config.values():
        check_types(value)


def _is_registered(name: object) -> bool:
    """Whether a registry of models, regions or augmentations has the name for files to use."""
    if not isinstance(name, str):
        return False
    short = name.split('.')[-1]
    roots = (MODELS, REGIONS, mmpretrain_registry.MODELS, mmpretrain_registry.BATCH_AUGMENTS)
    for registry in roots:
        while registry is not None:
            registry.import_from_location()
            prefixes = ('', f'{registry.scope}.')
            if short in registry.module_dict and name in [p + short for p in prefixes]:
                return not reaches_out(registry.module_dict[short])
            registry = registry.parent
    return False


def reaches_out(component: object) -> bool:
    """Whether a registered component fetches models or unpickles files that a config names."""
    module = getattr(component, '__module__', '')
    return any(module == name or module.startswith(f'{name}.') for name in _OUTSIDE)
