"""Confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from ranfer.visualization.figure import new_figure, plain, text_colour, to_image

_COLOURS = matplotlib.colormaps['Blues']

_LEAST_SIDE, _BESIDE = 3 * 66, 70
"""Pixels of the matrix along which its labels fit, and of what is beside title and class names."""


def draw_confusion(counts: np.ndarray, classes: Sequence[str], title: str = '') -> np.ndarray:
    """Draw a confusion matrix with percent of each row and, beneath, counts.

    Args:
        counts: True class by row, predicted class by column, ``(C, C)`` int.
        classes: ``C`` class names.
        title: Line above the picture. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8.

    Raises:
        ValueError: If ``counts`` is not ``(C, C)``.
    """
    counts = np.asarray(counts)
    number = len(classes)
    if counts.shape != (number, number):
        raise ValueError(
            f'draw_confusion got counts of shape {counts.shape}, expected ({number}, {number}) for '
            f'{number} classes.'
        )
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(66 * number, _LEAST_SIDE)
    figure = new_figure(side + 150, side + 150)
    axes = figure.subplots()
    axes.imshow(rates, cmap=_COLOURS, vmin=0, vmax=1)
    for row, column in np.ndindex(number, number):
        _write_cell(axes, row, column, rates[row, column], int(counts[row, column]))
    classes = [plain(name) for name in classes]
    names = [f'{name}\n({total})' for name, total in zip(classes, counts.sum(axis=1))]
    axes.set_xticks(range(number), classes, rotation=40, ha='right', fontsize=11)
    axes.set_yticks(range(number), names, fontsize=11)
    axes.set_xticks(np.arange(number - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(number - 1) + 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=2)
    axes.tick_params(which='both', length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel('predicted', fontsize=12)
    axes.set_ylabel('true (number of images)', fontsize=12)
    text = plain(title) or 'percent of the true class, and counts'
    heading = axes.set_title(text, fontsize=12)
    beside = max(name.get_window_extent().width for name in axes.get_yticklabels())
    room = heading.get_window_extent().width + beside + _BESIDE
    figure.set_figwidth(max(side + 150, room) / figure.dpi)
    return to_image(figure)


def _write_cell(axes: Axes, row: int, column: int, rate: float, count: int) -> None:
    style = dict(ha='center', va='center', color=text_colour(_COLOURS(rate)))
    axes.text(column, row - 0.08, f'{100 * rate:.1f}' if count else '0', fontsize=12, **style)
    axes.text(column, row + 0.26, str(count), fontsize=8.5, **style)
