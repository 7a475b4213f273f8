"""Face-pretrained IResNets (ArcFace), in the names of InsightFace's ``arcface_torch``."""

from __future__ import annotations

import torch
from torch import Tensor

from ranfer.models.backbones.iresnet import DEPTHS, IResNet
from ranfer.models.converters.resnet import BLOCK, strip_wrapper


def is_iresnet(state_dict: dict[str, Tensor]) -> bool:
    """Whether some key is named as the activation of an IResNet."""
    return any(key.endswith('prelu.weight') for key in strip_wrapper(state_dict))


def iresnet_depth(state_dict: dict[str, Tensor]) -> int:
    """Depth of the IResNet that has as many blocks.

    Raises:
        ValueError: If none has.
    """
    blocks = {match.groups() for match in map(BLOCK.match, strip_wrapper(state_dict)) if match}
    counts = tuple(sum(stage == name for stage, _ in blocks) for name in '1234')
    for depth, known in DEPTHS.items():
        if counts == known:
            return depth
    raise ValueError(
        f'The checkpoint has {counts} blocks in its stages, as no IResNet of depth '
        f'{", ".join(map(str, DEPTHS))} has; give the whole checkpoint of one of those.'
    )


def iresnet_to_ranfer(state_dict: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename an IResNet of InsightFace to the backbone of a ranfer model, :class:`IResNet`.

    Args:
        state_dict: Keys such as ``prelu.weight`` or ``module.layer1.0.bn1.weight``.

    Returns:
        tuple: State dict with keys ``backbone.*``, and the keys that were left out (``fc.*`` and
        ``features.*``, the embedding).

    Raises:
        ValueError: If tensors are missing, have another shape or belong to other blocks.
    """
    given = strip_wrapper(state_dict)
    with torch.device('meta'):
        wanted = IResNet(iresnet_depth(given)).state_dict()
    for key, value in wanted.items():
        if key in given and given[key].shape != value.shape:
            raise ValueError(
                f'{key} of the checkpoint has the shape {tuple(given[key].shape)}, that of an '
                f'IResNet {tuple(value.shape)}; give a net of InsightFace.'
            )
        if key not in given and not key.endswith('num_batches_tracked'):
            raise ValueError(f'The checkpoint lacks {key} of an IResNet; give a whole checkpoint.')
    left_out = [key for key in given if key not in wanted]
    strange = [key for key in left_out if BLOCK.match(key)]
    if strange:
        raise ValueError(
            f'{strange[0]} of the checkpoint belongs to no block of an IResNet; nets with other '
            f'blocks, such as those with squeeze and excitation, cannot be converted.'
        )
    return {f'backbone.{key}': given[key] for key in wanted if key in given}, left_out
