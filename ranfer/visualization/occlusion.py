"""How weights and probabilities react to what is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ranfer.evaluation.report import bin_index
from ranfer.visualization.figure import (
    BLUE,
    GREY,
    LINE_COLOURS,
    LINE_STYLES,
    ORANGE,
    clean_axes,
    new_figure,
    to_image,
)

_BINS = 8  # of the hidden share
_THUMBNAILS = 7


def draw_hidden_regions(shares: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """Draw the relative weight of regions over the share of them that is hidden.

    Args:
        shares: Hidden share of every region of every face, ``(K,)`` in [0, 1].
        relative: Their weight divided by the usual weight of the same region, ``(K,)``.

    Returns:
        np.ndarray: RGB picture, uint8.
    """
    shares, relative = np.asarray(shares, float), np.asarray(relative, float)
    index = bin_index(shares, _BINS)
    filled = [i for i in range(_BINS) if (index == i).any()]
    groups = [relative[index == i] for i in filled]
    mean = np.array([group.mean() for group in groups])
    error = np.array([_half_interval(group) for group in groups])
    middle = np.array([shares[index == i].mean() for i in filled])
    figure = new_figure(720, 480)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.axhline(1, color=GREY, linestyle='--', linewidth=1.5, label='as without occlusion')
    upper.errorbar(
        middle,
        mean,
        error,
        color=BLUE,
        marker='o',
        linewidth=2,
        capsize=4,
        ecolor='black',
        label='mean and 95 % interval',
    )
    upper.legend(loc='best', fontsize=10)
    upper.set_ylabel('weight / usual weight', fontsize=12)
    upper.set_title('weight of a region by how much of it is hidden', fontsize=12)
    counts = [len(group) for group in groups]
    places = (np.array(filled) + 0.5) / _BINS
    lower.bar(places, counts, width=0.9 / _BINS, color=ORANGE)
    lower.set_xlim(0, 1)
    lower.set_xlabel('hidden share of the region', fontsize=12)
    lower.set_ylabel('regions', fontsize=12)
    for axes in (upper, lower):
        axes.tick_params(labelsize=10)
        axes.grid(axis='y', color='#dddddd')
        axes.set_axisbelow(True)
        clean_axes(axes)
    return to_image(figure)


def _half_interval(values: np.ndarray) -> float:
    """Half the 95 % interval of a mean, which a single value has none of."""
    return 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan


def draw_sliding(
    faces: np.ndarray,
    positions: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray,
    label: str,
    regions: Sequence[str],
) -> np.ndarray:
    """Draw what happens while a bar slides over a face from top to bottom.

    Args:
        faces: The face under each position of the bar, RGB, uint8, ``(K, H, W, 3)``.
        positions: Middle of the bar as a share of the height, ``(K,)``.
        probabilities: Probability of the expression that the free face has, ``(K,)``, and of the
            free face as entry ``K``: ``(K + 1,)``.
        weights: Final weights, ``(K + 1, R)``, the last row that of the free face.
        label: Name of that expression.
        regions: ``R`` names.

    Returns:
        np.ndarray: RGB picture, uint8.
    """
    figure = new_figure(960, 780)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 3.6])
    chosen = np.linspace(0, len(faces) - 1, _THUMBNAILS).round().astype(int)
    for axes, i in zip(top.subplots(1, _THUMBNAILS), chosen):
        axes.imshow(faces[i])
        axes.set_axis_off()
        axes.set_title(f'{positions[i]:.2f}', fontsize=11)
    axes, lines = bottom.subplots(2, 1, sharex=True, height_ratios=[1.5, 2.1])
    axes.plot(positions, probabilities[:-1], color=BLUE, linewidth=2, marker='o', markersize=4)
    axes.axhline(probabilities[-1], color=GREY, linestyle='--', linewidth=1.5)
    axes.text(positions[-1], probabilities[-1], 'free face', color=GREY, va='bottom', ha='right')
    axes.set_ylim(0, 1.02)
    axes.set_ylabel(f'probability of\n{label}', fontsize=12)
    for i, name in enumerate(regions):
        lines.plot(
            positions,
            weights[:-1, i] / weights[-1, i],
            color=LINE_COLOURS[(i - 1) % len(LINE_COLOURS)],  # black for the whole face
            linestyle=LINE_STYLES[i % len(LINE_STYLES)],
            linewidth=2,
            label=name,
        )
    lines.axhline(1, color=GREY, linewidth=1)
    lines.set_ylabel('weight / weight\non the free face', fontsize=12)
    lines.set_xlabel('middle of the bar, 0 = top of the face', fontsize=12)
    lines.legend(loc='center left', bbox_to_anchor=(1.01, 0.5), frameon=False, title='region')
    for each in (axes, lines):
        each.grid(color='#dddddd')
        each.tick_params(labelsize=10)
        clean_axes(each)
    return to_image(figure)
