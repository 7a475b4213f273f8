"""Accuracy by condition."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from ranfer.visualization.figure import BLUE, GREY, ORANGE, clean_axes, new_figure, plain, to_image


def draw_conditions(
    accuracies: Mapping[str, tuple[float, int]],
    references: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Draw one bar a condition with its 95 % interval, number of images and reference.

    Args:
        accuracies: Accuracy in percent and number of images by name, top to bottom.
        references: Published accuracy in percent by name, drawn as a mark. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8.

    Raises:
        ValueError: If there is no condition.
    """
    if not accuracies:
        raise ValueError('draw_conditions got no condition, expected at least one.')
    references = references or {}
    odd = sorted(references.keys() - accuracies.keys())
    if odd:
        raise ValueError(
            f'draw_conditions got a reference for {odd[0]!r}, expected names out of '
            f'{", ".join(accuracies)}.'
        )
    values = np.array([accuracy for accuracy, _ in accuracies.values()])
    counts = np.array([count for _, count in accuracies.values()])
    figure = new_figure(820, 110 + 42 * len(values) + (30 if references else 0))
    axes = figure.subplots()
    _draw_bars(axes, values, counts)
    marked = [(references[name], row) for row, name in enumerate(accuracies) if name in references]
    if marked:
        axes.plot(
            *np.transpose(marked),
            linestyle='none',
            marker='D',
            color=ORANGE,
            markeredgecolor='black',
            markersize=8,
            label='reference',
        )
    names = [f'{plain(name)}  (n = {count})' for name, count in zip(accuracies, counts)]
    axes.set_yticks(range(len(names)), names, fontsize=11)
    axes.set_xlim(0, 102)
    axes.set_xticks(range(0, 101, 20))
    axes.tick_params(axis='x', colors=GREY, labelsize=10)
    axes.set_xlabel('accuracy in percent', fontsize=11)
    axes.set_title('accuracy by condition', fontsize=12)
    axes.invert_yaxis()
    clean_axes(axes)
    figure.legend(loc='outside lower center', ncols=2, frameon=False, fontsize=10)
    return to_image(figure)


def _draw_bars(axes: Axes, values: np.ndarray, counts: np.ndarray) -> None:
    low, high = wilson_interval(values, counts)
    rows = np.arange(len(values))
    axes.barh(rows, values, height=0.62, color=BLUE)
    axes.errorbar(
        values,
        rows,
        xerr=np.clip([values - low, high - values], 0, None),
        fmt='none',
        ecolor='black',
        capsize=4,
        label='95 % interval',
    )
    box = dict(facecolor='white', edgecolor='none', boxstyle='round,pad=0.15')
    for row, value in enumerate(values):
        axes.text(1, row, f'{value:.2f}', va='center', fontsize=11, bbox=box)


def wilson_interval(percent: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share by Wilson's score.

    Args:
        percent: Shares in percent, ``(k,)``.
        counts: Numbers of samples, ``(k,)``, at least 1.

    Returns:
        tuple: Lower and upper bound in percent, ``(k,)`` each.
    """
    z = 1.959964
    share, number = np.asarray(percent) / 100, np.asarray(counts)
    centre = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    reach = z * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    reach = reach / (1 + z**2 / number)
    return 100 * (centre - reach), 100 * (centre + reach)
