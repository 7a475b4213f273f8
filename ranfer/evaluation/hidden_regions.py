"""Does the attention move away from what is hidden?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HiddenRegions:
    """Weights of hidden against visible regions over many faces.

    Relative weights are divided by the mean weight of the same region over faces without occlusion,
    so that a region that is always strong or weak counts as 1.

    Attributes:
        faces: Number of occluded faces with a hidden and a visible region.
        hidden_weight: Mean final weight of hidden regions.
        visible_weight: Mean final weight of visible regions.
        hidden_relative: Mean relative weight of hidden regions.
        visible_relative: Mean relative weight of visible regions.
        difference: Mean over faces of hidden minus visible relative weight.
        interval: 95 % interval of ``difference``, by the normal approximation.
        lower_share: Share of the faces in which the hidden regions weigh relatively less.
        rank_correlation: Spearman's correlation of hidden share and relative weight.
    """

    faces: int
    hidden_weight: float
    visible_weight: float
    hidden_relative: float
    visible_relative: float
    difference: float
    interval: tuple[float, float]
    lower_share: float
    rank_correlation: float


def hidden_share(regions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Share of every region that a box covers.

    Args:
        regions: xyxy in pixels, ``(..., 4)``.
        box: xyxy in pixels, ``(4,)`` or ``(..., 4)`` that broadcasts.

    Returns:
        np.ndarray: In [0, 1], ``(...)``; 0 for an empty region.
    """
    regions, box = np.broadcast_arrays(np.asarray(regions, float), np.asarray(box, float))
    low = np.maximum(regions[..., :2], box[..., :2])
    high = np.minimum(regions[..., 2:], box[..., 2:])
    covered = np.clip(high - low, 0, None).prod(axis=-1)
    area = (regions[..., 2:] - regions[..., :2]).prod(axis=-1)
    return np.divide(covered, area, out=np.zeros_like(area), where=area > 0)


def compare_hidden(
    weights: np.ndarray,
    shares: np.ndarray,
    usual: np.ndarray,
    mask: np.ndarray | None = None,
    hidden_from: float = 0.5,
    visible_to: float = 0.4,
) -> HiddenRegions:
    """Compare hidden and visible regions of occluded faces.

    Args:
        weights: Final weights, ``(N, R)``.
        shares: Hidden share of every region, ``(N, R)``.
        usual: Mean weight of every region over faces without occlusion, ``(R,)``.
        mask: True where a region exists, ``(N, R)`` bool. Defaults to all.
        hidden_from: Regions of this hidden share and more are hidden. Defaults to 0.5.
        visible_to: Regions of this hidden share and less are visible. Defaults to 0.4.

    Raises:
        ValueError: If the limits overlap, or no face has a hidden and a visible region.
    """
    if not hidden_from > visible_to:
        raise ValueError(
            f'hidden_from must be above visible_to, or a region is both hidden and visible; got '
            f'{hidden_from} and {visible_to}.'
        )
    weights, shares = np.asarray(weights, float), np.asarray(shares, float)
    mask = np.ones_like(weights, bool) if mask is None else np.asarray(mask, bool)
    hidden, visible = mask & (shares >= hidden_from), mask & (shares <= visible_to)
    both = hidden.any(axis=1) & visible.any(axis=1)
    if not both.any():
        raise ValueError(
            f'No face has a region hidden by {hidden_from} and one hidden by at most {visible_to}; '
            f'give an occluded split, or other limits.'
        )
    hidden, visible = hidden[both], visible[both]
    raw, relative = weights[both], weights[both] / usual
    differences = _mean(relative, hidden) - _mean(relative, visible)
    error = 1.96 * differences.std(ddof=min(1, len(differences) - 1)) / np.sqrt(len(differences))
    return HiddenRegions(
        faces=len(raw),
        hidden_weight=float(raw[hidden].mean()),
        visible_weight=float(raw[visible].mean()),
        hidden_relative=float(relative[hidden].mean()),
        visible_relative=float(relative[visible].mean()),
        difference=float(differences.mean()),
        interval=(float(differences.mean() - error), float(differences.mean() + error)),
        lower_share=float((differences < 0).mean()),
        rank_correlation=_spearman(shares[mask], (weights / usual)[mask]),
    )


def _mean(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, 0).sum(axis=1) / chosen.sum(axis=1)


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of ranks; equal values share their mean rank."""

    def ranks(values: np.ndarray) -> np.ndarray:
        _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[index]

    a, b = ranks(x), ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale else 0.0
