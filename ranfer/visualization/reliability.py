"""Reliability diagram: is a confidence of 80 % right in 80 of 100 cases?"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ranfer.evaluation.report import BINS, bin_index, calibration_error
from ranfer.visualization.figure import BLUE, GREY, ORANGE, clean_axes, new_figure, to_image

_BAR = dict(width=0.92 / BINS, zorder=2)


def draw_reliability(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Draw accuracy over confidence in 15 equal bins, and how many samples each bin has.

    Args:
        confidence: Highest probability of every sample, ``(N,)`` in [0, 1].
        correct: Whether the prediction was right, ``(N,)`` bool.

    Returns:
        np.ndarray: RGB picture, uint8.

    Raises:
        ValueError: If there is no sample or the arrays differ in length.
    """
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, bool)
    if confidence.shape != correct.shape or confidence.ndim != 1 or not len(confidence):
        raise ValueError(
            f'draw_reliability got confidence {confidence.shape} and correct {correct.shape}, '
            f'expected two arrays (N,) with N of at least 1.'
        )
    index = bin_index(confidence, BINS)
    counts = np.bincount(index, minlength=BINS)
    filled = counts > 0
    mean = np.bincount(index, confidence, BINS)[filled] / counts[filled]
    accuracy = np.bincount(index, correct, BINS)[filled] / counts[filled]
    figure = new_figure(560, 640)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    middle = (np.flatnonzero(filled) + 0.5) / BINS
    _draw_accuracy(upper, middle, accuracy, mean)
    upper.set_title('reliability', fontsize=12)
    box = dict(facecolor='white', edgecolor=GREY, boxstyle='round')
    text = f'calibration error {calibration_error(confidence, correct):.2f} %'
    upper.text(0.97, 0.05, text, ha='right', fontsize=11, bbox=box)
    upper.legend(loc='upper left', fontsize=11)
    lower.bar(middle, 100 * counts[filled] / len(confidence), color=GREY, **_BAR)
    lower.set_xlabel('confidence', fontsize=12)
    lower.set_ylabel('samples in %', fontsize=12)
    for axes in (upper, lower):
        axes.tick_params(labelsize=10)
        axes.grid(axis='y', color='#dddddd', zorder=0)
        clean_axes(axes)
    return to_image(figure)


def _draw_accuracy(
    axes: Axes, middle: np.ndarray, accuracy: np.ndarray, confidence: np.ndarray
) -> None:
    """Bars of accuracy with their gap to the mean confidence, and the diagonal without a gap."""
    axes.bar(middle, accuracy, color=BLUE, label='accuracy', **_BAR)
    axes.bar(
        middle,
        confidence - accuracy,
        bottom=accuracy,
        facecolor='none',
        edgecolor=ORANGE,
        hatch='////',
        linewidth=1.5,
        label='gap to the confidence',
        **_BAR,
    )
    axes.plot([0, 1], [0, 1], color='black', linestyle='--', label='perfect', zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_ylabel('accuracy', fontsize=12)
