"""The authors' RAN checkpoints: a torchvision-style ResNet-18 with alpha, beta and fc."""

from __future__ import annotations

from torch import Tensor

from ranfer.models.converters.resnet import BACKBONE, strip_wrapper

HEADS = {
    'alpha.0.': 'neck.attention.',
    'beta.0.': 'head.attention.',
    'fc.': 'head.fc.',
}


def official_to_ranfer(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict of the authors' release.

    The model that computes the same has ``activation='sigmoid_softmax'`` and ``bias=True`` in neck
    and head and the margin 0.1. The order of the regions does not matter to the logits: the authors
    put the whole face last, ranfer first.

    Args:
        state_dict: Keys such as ``module.conv1.weight``, ``module.alpha.0.weight`` ``(1, D)``,
            ``module.beta.0.weight`` ``(1, 2D)``, ``module.fc.weight`` ``(C, 2D)``; the prefix
            ``module.`` may be missing.

    Returns:
        dict: State dict of a :class:`~ranfer.models.RANClassifier`.

    Raises:
        ValueError: If a part of RAN is missing or a key is unknown.
    """
    renamed = {}
    for key, value in strip_wrapper(state_dict).items():
        name = _rename(key, HEADS) or (f'backbone.{key}' if BACKBONE.match(key) else None)
        if name is None:
            raise ValueError(
                f"Key {key!r} belongs to no RAN of the authors' release; if this is a plain "
                f'backbone, convert it with --kind backbone.'
            )
        renamed[name] = value
    missing = [f'{old}weight' for old, new in HEADS.items() if f'{new}weight' not in renamed]
    if missing:
        raise ValueError(
            f"The checkpoint lacks {', '.join(missing)}, so it is no RAN of the authors' release; "
            f'if this is a plain backbone, convert it with --kind backbone.'
        )
    return renamed


def ranfer_to_official(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Undo :func:`official_to_ranfer`; keys get the prefix ``module.``.

    Raises:
        ValueError: If a key has no counterpart in the authors' release, or an attention no bias.
    """
    back = {new: old for old, new in HEADS.items()} | {'backbone.': ''}
    renamed = {}
    for key, value in state_dict.items():
        name = _rename(key, back)
        if name is None or (key.startswith('backbone.') and not BACKBONE.match(name)):
            raise ValueError(
                f"Key {key!r} has no counterpart in the authors' release, which is a ResNet with "
                f'self- and relation-attention.'
            )
        renamed[f'module.{name}'] = value
    lacking = [name for new in HEADS.values() if (name := f'{new}bias') not in state_dict]
    if lacking:
        raise ValueError(
            f"The checkpoint lacks {', '.join(lacking)}, which the authors' network has; give one "
            f'that was trained with configs/ran/ran_r18_official.py.'
        )
    return renamed


def _rename(key: str, prefixes: dict[str, str]) -> str | None:
    for old, new in prefixes.items():
        if key.startswith(old):
            return new + key[len(old) :]
    return None
