"""Several models as one: the mean of their probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ranfer.evaluation.predictions import Predictions


def fuse(members: Sequence[Predictions], weights: Sequence[float] | None = None) -> Predictions:
    """Average the probabilities of several models on the same images.

    Args:
        members: Predictions of one test split; the order of the images may differ.
        weights: A share for every member, at least 0 with a sum above 0. Defaults to equal ones.

    Returns:
        Predictions: Those of the first member, with the fused probabilities and no region weights.

    Raises:
        ValueError: If the members differ in classes, images or labels, or the weights do not fit.
    """
    if not members:
        raise ValueError('The ensemble got no predictions; give at least one.')
    weights = [1.0] * len(members) if weights is None else list(weights)
    if len(weights) != len(members) or min(weights) < 0 or not 0 < sum(weights) < np.inf:
        raise ValueError(
            f'weights must be {len(members)} numbers of at least 0 with a sum above 0, one for '
            f'every file of predictions, got {weights}.'
        )
    first = members[0]
    scores = [_in_order(first, member, number) for number, member in enumerate(members, 1)]
    fused = np.average(scores, axis=0, weights=weights)
    return replace(
        first, scores=tuple(map(tuple, fused.tolist())), weights=((),) * len(first.names)
    )


def _in_order(first: Predictions, member: Predictions, number: int) -> np.ndarray:
    """Scores of a member in the order of the first one's images, ``(N, C)``."""
    if member.classes != first.classes:
        raise ValueError(
            f'Predictions 1 and {number} have different classes, {first.classes} and '
            f'{member.classes}; fuse models of one data set.'
        )
    rows = {key: row for row, key in enumerate(_keys(member.names))}
    wanted = _keys(first.names)
    odd = sorted(rows.keys() ^ set(wanted))
    if odd:
        raise ValueError(
            f'Predictions 1 and {number} are of different images ({len(first.names)} and '
            f'{len(member.names)}; for example {odd[0][0]!r} is not as often in both); test all '
            f'models on the same split.'
        )
    order = [rows[key] for key in wanted]
    for name, label, row in zip(first.names, first.labels, order):
        if member.labels[row] != label:
            raise ValueError(
                f'Predictions 1 and {number} have the labels {label} and {member.labels[row]} for '
                f'{name!r}; test all models on the same annotation.'
            )
    return np.array(member.scores)[order]


def _keys(names: Sequence[str]) -> list[tuple[str, int]]:
    """Every name with how often it came before: an annotation may name an image twice."""
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys
