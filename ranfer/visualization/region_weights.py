"""Where the attention lies on average, by class or condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import CenteredNorm

from ranfer.visualization.figure import WEIGHT_COLOURS, new_figure, plain, text_colour, to_image


class MeanWeights(NamedTuple):
    """Mean and spread of the weights of every region in one group.

    Attributes:
        mean: ``(R,)``; NaN where the region never exists.
        std: Standard deviation over the samples, ``(R,)``.
        count: Number of samples in the group.
    """

    mean: np.ndarray
    std: np.ndarray
    count: int  # type: ignore[assignment]  # hides that of a tuple


def mean_region_weights(
    weights: np.ndarray, groups: Mapping[str, np.ndarray], mask: np.ndarray | None = None
) -> dict[str, MeanWeights]:
    """Average region weights over groups of samples.

    Args:
        weights: Final weights, ``(N, R)``.
        groups: Samples of every group by name, ``(N,)`` bool; groups may overlap.
        mask: True where a region exists, ``(N, R)`` bool. Defaults to all.

    Returns:
        dict[str, MeanWeights]: One entry for every group with a sample.
    """
    weights = np.asarray(weights, float)
    mask = np.ones_like(weights, bool) if mask is None else np.asarray(mask, bool)
    result = {}
    for name, rows in groups.items():
        chosen, exists = weights[rows], mask[rows]
        if not len(chosen):
            continue
        number = exists.sum(axis=0)
        with np.errstate(invalid='ignore'):
            mean = np.where(exists, chosen, 0).sum(axis=0) / number
            spread = np.where(exists, (chosen - mean) ** 2, 0).sum(axis=0) / number
        result[name] = MeanWeights(mean, np.sqrt(spread), len(chosen))
    return result


def draw_region_weights(groups: Mapping[str, MeanWeights], regions: Sequence[str]) -> np.ndarray:
    """Draw mean weights, a row a group and a column a region, with the standard deviation.

    White-yellow is the even share 1/R; red is above it, blue below.

    Args:
        groups: Result of :func:`mean_region_weights`.
        regions: ``R`` names of the regions.

    Returns:
        np.ndarray: RGB picture, uint8.

    Raises:
        ValueError: If there is no group or the number of regions differs.
    """
    widths = {len(group.mean) for group in groups.values()}
    if widths != {len(regions)}:
        raise ValueError(
            f'draw_region_weights got groups of {sorted(widths)} regions for {len(regions)} region '
            f'names; there must be at least one group and as many names as regions.'
        )
    table = np.stack([group.mean for group in groups.values()])
    even = 1 / len(regions)
    reach = max(float(np.nanmax(abs(table - even))), 1e-3)
    figure = new_figure(250 + 84 * len(regions) + 80, 130 + 46 * len(groups))
    axes = figure.subplots()
    norm = CenteredNorm(even, reach)
    image = axes.imshow(table, cmap=WEIGHT_COLOURS, norm=norm, aspect='auto')
    for row, group in enumerate(groups.values()):
        for column, (mean, std) in enumerate(zip(group.mean, group.std)):
            if np.isnan(mean):
                axes.text(column, row, 'none', ha='center', va='center', fontsize=10)
                continue
            axes.text(
                column,
                row,
                f'{mean:.3f}\n±{std:.3f}',
                ha='center',
                va='center',
                fontsize=10,
                color=text_colour(WEIGHT_COLOURS(norm(mean))),
            )
    axes.set_xticks(range(len(regions)), regions, fontsize=10)
    names = [f'{plain(name)}  (n = {group.count})' for name, group in groups.items()]
    axes.set_yticks(range(len(groups)), names, fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel('region', fontsize=11)
    axes.set_title('mean final weight', fontsize=12)
    bar = figure.colorbar(image, ax=axes, aspect=30, fraction=0.05)
    bar.set_ticks([even - reach, even, even + reach])
    bar.set_ticklabels([f'{even - reach:.3f}', f'1/R = {even:.3f}', f'{even + reach:.3f}'])
    return to_image(figure)
