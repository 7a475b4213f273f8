"""How faces come into a model: kept in its checkpoints, compared when one is tested."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.logging import print_log
from torch import nn

MODEL_META = 'ranfer_model'
"""What a model file says of itself stands under this key of the checkpoint's ``meta``."""

INPUT_META = 'ranfer_input'
"""What a checkpoint says of its model's input stands under this key of its ``meta``."""


def input_of(model: nn.Module) -> dict[str, Any]:
    """Side of the crops, and mean and standard deviation of the channels, of a model of ranfer.

    Args:
        model: The model without wrappers.

    Returns:
        dict: ``crop_size``, ``mean`` and ``std``; empty for other models.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    crop_size = getattr(preprocessor, 'crop_size', None)
    if crop_size is None:
        return {}
    statistics = {
        name: value.flatten().tolist()
        for name in ('mean', 'std')
        if (value := getattr(preprocessor, name, None)) is not None
    }
    return dict(crop_size=crop_size, **statistics)


def warn_of_other_input(model: nn.Module, checkpoint: dict, filename: str) -> None:
    """Warn if a model is fed otherwise than the one that a checkpoint was saved from.

    Args:
        model: The model that has the weights now, without wrappers.
        checkpoint: The checkpoint.
        filename: Its path, for the message.
    """
    meta = checkpoint.get('meta')
    saved = meta.get(INPUT_META) if isinstance(meta, dict) else None
    if saved is None and isinstance(meta, dict) and isinstance(meta.get(MODEL_META), dict):
        saved = meta[MODEL_META].get('model', {}).get('data_preprocessor')
    if not isinstance(saved, dict):
        return
    other = [
        f'{name}={value} here, {saved[name]} there'
        for name, value in input_of(model).items()
        if name in saved and _values(saved[name]) != _values(value)
    ]
    if other:
        print_log(
            f'Checkpoint {filename} is of a model with another input ({"; ".join(other)}), so it '
            f'will do worse; give the same data_preprocessor settings as in its training.',
            'current',
            logging.WARNING,
        )


def _values(value: Any) -> Any:
    return [round(float(x), 3) for x in value] if isinstance(value, (list, tuple)) else value
