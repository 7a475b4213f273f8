"""Face-pretrained ResNets as the field shares them."""

from __future__ import annotations

import re

from torch import Tensor

BACKBONE = re.compile(
    r'(conv1|bn1|layer[1-4]\.\d+\.(conv\d|bn\d|downsample\.[01]))'
    r'\.(weight|bias|running_mean|running_var|num_batches_tracked)$'
)
"""Keys of a torchvision ResNet without its classifier; MMPretrain uses the same."""

WRAPPERS = ('module.', 'backbone.', 'encoder.', 'model.')


def strip_wrapper(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop the prefixes that ``DataParallel`` and training scripts put before every key."""
    return {_strip(key): value for key, value in state_dict.items()}


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
        ValueError: If no key is one of a ResNet, or the net is another kind of ResNet.
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
    stem = tuple(kept['backbone.conv1.weight'].shape[1:])
    if stem != (3, 7, 7):
        raise ValueError(
            f'The first convolution of the checkpoint has kernels of shape {stem}, that of a '
            f'torchvision-style ResNet (3, 7, 7); give one of those.'
        )
    return kept, left_out
