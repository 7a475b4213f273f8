"""Face-pretrained VGG-16 (VGG-Face), in torchvision's or Caffe's names."""

from __future__ import annotations

import re

from torch import Tensor

from ranfer.models.converters.resnet import strip_wrapper

BLOCKS = (2, 2, 3, 3, 3)
"""Convolutions of the five blocks; a pooling layer follows each block."""

_TORCHVISION = re.compile(r'features\.(\d+)\.(weight|bias)$')
_CAFFE = re.compile(r'conv(\d)_(\d)\.(weight|bias)$')


def is_vgg(state_dict: dict[str, Tensor]) -> bool:
    """Whether some key is named as in a VGG of torchvision or Caffe."""
    return any(map(_position, strip_wrapper(state_dict)))


def vgg_to_ranfer(state_dict: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename a VGG-16 to the backbone of a ranfer model, MMPretrain's ``VGG(depth=16)``.

    Args:
        state_dict: Keys such as ``features.0.weight`` (torchvision) or ``conv1_1.weight`` (Caffe);
            wrappers such as ``module.`` may stand before them.

    Returns:
        tuple: State dict with keys ``backbone.features.*``, and the keys that were left out
        (``classifier.*``, ``fc6.*`` and the like).

    Raises:
        ValueError: If a convolution is missing, or there are others than the thirteen of VGG-16
            without batch normalisation.
    """
    wanted = {
        (block, number, kind)
        for block, count in enumerate(BLOCKS, 1)
        for number in range(1, count + 1)
        for kind in ('weight', 'bias')
    }
    kept, left_out = {}, []
    for key, value in strip_wrapper(state_dict).items():
        position = _position(key)
        if position is None:
            left_out.append(key)
            continue
        if position not in wanted or (position[2] == 'weight') != (value.dim() == 4):
            raise ValueError(
                f'Key {key!r} is no convolution of VGG-16 without batch normalisation; convert '
                f'that net only.'
            )
        kept[position] = value
    missing = sorted(wanted - kept.keys())
    if missing:
        block, number, kind = missing[0]
        raise ValueError(
            f'The checkpoint lacks conv{block}_{number}.{kind} of VGG-16; give a whole checkpoint.'
        )
    return {_ranfer_name(*position): kept[position] for position in sorted(kept)}, left_out


def _position(key: str) -> tuple[int, int, str] | None:
    """Block and number of a convolution, both from 1, and weight or bias; None for other keys."""
    caffe = _CAFFE.match(key)
    if caffe:
        return int(caffe[1]), int(caffe[2]), caffe[3]
    torchvision = _TORCHVISION.match(key)
    if torchvision is None:
        return None
    start, layer = 0, int(torchvision[1])
    for block, count in enumerate(BLOCKS, 1):
        if layer < start + 2 * count:  # convolution and ReLU alternate
            half, odd = divmod(layer - start, 2)
            return block, 0 if odd else half + 1, torchvision[2]
        start += 2 * count + 1
    return len(BLOCKS) + 1, layer, torchvision[2]


def _ranfer_name(block: int, number: int, kind: str) -> str:
    layer = sum(BLOCKS[: block - 1]) + block - 1 + number - 1
    return f'backbone.features.{layer}.conv.{kind}'
