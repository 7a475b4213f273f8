"""Reliability diagram: is a confidence of 80 % right in 80 of 100 cases?"""

from __future__ import annotations

import numpy as np

from ranfer.evaluation.report import BINS, calibration_error
from ranfer.visualization.figure import BLUE, GREY, ORANGE, clean_axes, new_figure, to_image


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
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    filled = counts > 0
    mean = np.bincount(index, confidence, BINS)[filled] / counts[filled]
    accuracy = np.bincount(index, correct, BINS)[filled] / counts[filled]
    figure = new_figure(560, 640)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    middle = (np.flatnonzero(filled) + 0.5) / BINS
    style = dict(width=0.92 / BINS, zorder=2)
    upper.bar(middle, accuracy, color=BLUE, label='accuracy', **style)
    upper.bar(
        middle,
        mean - accuracy,
        bottom=accuracy,
        facecolor='none',
        edgecolor=ORANGE,
        hatch='////',
        linewidth=1.5,
        label='gap to the confidence',
        **style,
    )
    upper.plot([0, 1], [0, 1], color='black', linestyle='--', label='perfect', zorder=3)
    upper.set(xlim=(0, 1), ylim=(0, 1))
    upper.set_ylabel('accuracy', fontsize=12)
    error = calibration_error(confidence, correct)
    upper.set_title('reliability', fontsize=12)
    upper.text(0.97, 0.05, f'calibration error {error:.2f} %', ha='right', fontsize=11).set_bbox(
        dict(facecolor='white', edgecolor=GREY, boxstyle='round')
    )
    upper.legend(loc='upper left', fontsize=11)
    lower.bar(middle, 100 * counts[filled] / len(confidence), color=GREY, **style)
    lower.set_xlabel('confidence', fontsize=12)
    lower.set_ylabel('samples in %', fontsize=12)
    for axes in (upper, lower):
        axes.tick_params(labelsize=10)
        axes.grid(axis='y', color='#dddddd', zorder=0)
        clean_axes(axes)
    return to_image(figure)
