"""Weights of a checkpoint that go into a model, and whether they fit it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import CheckpointLoader
from torch import nn

from ranfer.engine.model_input import input_of, other_input


def state_dict_of(checkpoint: Any, filename: str) -> dict[str, Any]:
    """The state dict of a checkpoint, or the checkpoint itself if it is one.

    Raises:
        ValueError: If it is not a mapping of names.
    """
    saved = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(saved, dict) or not all(isinstance(name, str) for name in saved):
        raise ValueError(
            f'{filename} holds no state_dict that maps names to tensors; give a checkpoint of '
            f'weights.'
        )
    return saved


def without_wrappers(model: nn.Module) -> nn.Module:
    """The model within wrappers for several processes or test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def _without_prefix(saved: dict[str, Any]) -> OrderedDict[str, Any]:
    """Strip the prefix of DataParallel; PyTorch before 2.3 would lose the versions of modules."""
    state: Any = OrderedDict((name.removeprefix('module.'), x) for name, x in saved.items())
    state._metadata = {  # the innermost of those that become '' counts
        f'{name}.'.removeprefix('module.').removesuffix('.'): version
        for name, version in getattr(saved, '_metadata', {}).items()
    }
    return state


def first_misfit(error: RuntimeError) -> str:
    """What an error of ``load_state_dict`` says of the first weights that do not fit."""
    return str(error).splitlines()[1].strip()[:300]


def load_weights(model: nn.Module, filename: str) -> None:
    """Load a checkpoint into a model that it fits in every name and shape.

    A warning tells if the model is fed, or weighs regions, otherwise than that of the checkpoint.

    Args:
        model: The model, or a wrapper of it for several processes or test-time augmentation.
        filename: Path or address of the checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or one of another model.
    """
    model = without_wrappers(model)
    checkpoint = CheckpointLoader.load_checkpoint(filename, map_location='cpu', logger='silent')
    saved = state_dict_of(checkpoint, filename)
    try:
        model.load_state_dict(_without_prefix(saved))
    except RuntimeError as error:
        raise ValueError(
            f'Checkpoint {filename} does not fit the config ({first_misfit(error)}); give the '
            f'config that it was trained with.'
        ) from error
    if warning := other_input(input_of(model), checkpoint, filename):
        print_log(warning, 'current', logging.WARNING)


def check_fit(model: nn.Module, checkpoint: dict, filename: str) -> None:
    """Warn of weights that a model will leave out of a checkpoint that it takes in part.

    Args:
        model: The model without wrappers.
        checkpoint: What :func:`ranfer.engine.load_checkpoint` returned.
        filename: Its path, for the message.

    Raises:
        ValueError: If no weight fits, which would train from random weights.
    """
    saved = state_dict_of(checkpoint, filename)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    misfits = [
        name
        for name, value in saved.items()
        if shapes.get(name.removeprefix('module.'), 'none') != getattr(value, 'shape', None)
    ]
    if len(misfits) == len(saved):
        raise ValueError(
            f'No weight of checkpoint {filename} fits the model: it has '
            f'{next(iter(saved), "none")}, the model {next(iter(shapes))}; give a checkpoint of '
            f'this model, or of its backbone alone by the key '
            f"init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...) there."
        )
    if misfits:
        print_log(
            f'{len(saved) - len(misfits)} of {len(saved)} weights of checkpoint {filename} fit the '
            f'model; {misfits[0]} is the first of those that are left out.',
            'current',
            logging.WARNING,
        )
