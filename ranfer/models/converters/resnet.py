"""Face-pretrained ResNets as the field shares them."""

from __future__ import annotations

import re

from torch import Tensor

BACKBONE = re.compile(
    r'(conv1|bn1|layer[1-4]\.\d+\.(conv\d|bn\d|downsample\.[01]))'
    r'\.(weight|bias|running_mean|running_var|num_batches_tracked)$'
)
"""Keys of a torchvision ResNet without its classifier; MMPretrain uses the same."""

BLOCK = re.compile(r'layer([1-4])\.(\d+)\.')
"""Beginnings of the keys of a block: number of its stage and of itself."""

WRAPPERS = ('module.', 'backbone.', 'encoder.', 'model.')


def strip_wrapper(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop the prefixes that ``DataParallel`` and training scripts put before every key.

    Raises:
        ValueError: If two convolutions then have the same key, as in a student and its teacher.
    """
    names: dict[str, str] = {}
    for key in state_dict:
        other = names.setdefault(_strip(key), key)
        if other != key and state_dict[key].dim() == 4:  # two of a classifier are left out
            raise ValueError(
                f'The checkpoint holds several nets ({other} and {key}); give one that holds the '
                f'one to convert.'
            )
    return {name: state_dict[key] for name, key in names.items()}


def _strip(key: str) -> str:
    for prefix in WRAPPERS:
        if key.startswith(prefix):
            return _strip(key[len(prefix) :])
    return key


def resnet_to_ranfer(state_dict: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename a torchvision-style ResNet to the backbone of a ranfer model.

    Args:
        state_dict: Keys such as ``conv1.weight`` or ``module.layer1.0.bn1.weight``.

    Returns:
        tuple: State dict with keys ``backbone.*``, and the keys that were left out (classifiers and
        projections of the pretraining).

    Raises:
        ValueError: If no key is one of a ResNet, the net is another kind of ResNet, or there are
            several nets.
    """
    kept, left_out = {}, []
    for key, value in strip_wrapper(state_dict).items():
        if BACKBONE.match(key):
            kept[f'backbone.{key}'] = value
        else:
            left_out.append(key)
    if 'backbone.conv1.weight' not in kept:
        raise ValueError(
            f'The checkpoint holds no torchvision-style ResNet (no conv1.weight); its first keys '
            f'are {", ".join(left_out[:3])}.'
        )
    strange = [key for key in left_out if BLOCK.match(key)]
    if strange:
        raise ValueError(
            f'{strange[0]} of the checkpoint belongs to no block of a torchvision-style ResNet; '
            f'nets with other blocks, such as those with squeeze and excitation, cannot be '
            f'converted.'
        )
    stem = tuple(kept['backbone.conv1.weight'].shape[1:])
    if stem != (3, 7, 7):
        raise ValueError(
            f'The first convolution of the checkpoint has kernels of shape {stem}, that of a '
            f'torchvision-style ResNet (3, 7, 7); give one of those.'
        )
    return kept, left_out
