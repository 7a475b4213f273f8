"""What weights do not tell of a model: kept in its checkpoints, compared when one is used."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

MODEL_META = 'ranfer_model'
"""What a model file says of itself stands under this key of the checkpoint's ``meta``."""

INPUT_META = 'ranfer_input'
"""What :func:`input_of` says stands under this key of a checkpoint's ``meta``."""


def input_of(model: nn.Module) -> dict[str, Any]:
    """What no weight tells of a model of ranfer, but its output depends on.

    Args:
        model: The model without wrappers.

    Returns:
        dict: ``crop_size``, ``to_rgb``, ``mean`` and ``std`` of the preprocessor and ``activation``
        of the neck, as far as there are any; empty for other models.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    crop_size = getattr(preprocessor, 'crop_size', None)
    if crop_size is None:
        return {}
    found = dict(crop_size=crop_size)
    for name in ('to_rgb', 'mean', 'std'):
        if (value := getattr(preprocessor, name, None)) is not None:
            found[name] = value.flatten().tolist() if torch.is_tensor(value) else value
    if (activation := getattr(getattr(model, 'neck', None), 'activation', None)) is not None:
        found['activation'] = activation
    return found


def input_of_config(model: Any) -> dict[str, Any]:
    """The same by the config of a model, as far as it says.

    Args:
        model: Config, or what a file has in its place.
    """
    fed, neck = _part(model, 'data_preprocessor'), _part(model, 'neck')
    names = ('crop_size', 'to_rgb', 'mean', 'std')
    found = {name: fed[name] for name in names if name in fed}
    if str(neck.get('type')).endswith('RANNeck'):
        found['activation'] = neck.get('activation', 'sigmoid')
    return found


def _part(model: Any, key: str) -> Mapping[str, Any]:
    part = model.get(key) if isinstance(model, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def other_input(here: Mapping[str, Any], checkpoint: dict, filename: str) -> str | None:
    """What to warn of if a checkpoint was trained with other settings than it is used with.

    Args:
        here: What :func:`input_of` or :func:`input_of_config` says.
        checkpoint: The checkpoint.
        filename: Its path, for the message.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    saved = meta.get(INPUT_META)
    if saved is None and isinstance(meta.get(MODEL_META), dict):
        saved = input_of_config(meta[MODEL_META].get('model'))
    if not isinstance(saved, dict):
        return None
    other = [
        f'{name}={reprlib.repr(value)} here, {reprlib.repr(saved[name])} there'
        for name, value in here.items()
        if name in saved and _values(saved[name]) != _values(value)
    ]
    if not other:
        return None
    return (
        f'Checkpoint {filename} was trained with other settings ({"; ".join(other)}), so it will '
        f'do worse; give the config and the --cfg-options of its training.'
    )


def _values(value: Any) -> list:
    """Numbers to three digits, and what else a stranger may have put there as a short text."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [round(x, 3) if isinstance(x, (int, float)) else reprlib.repr(x) for x in items]
