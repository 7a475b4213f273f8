"""All pictures of one evaluation."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np

from ranfer.evaluation.predictions import Predictions, region_weights
from ranfer.evaluation.report import FERReport
from ranfer.visualization.conditions import draw_conditions
from ranfer.visualization.confusion import draw_confusion
from ranfer.visualization.region_weights import draw_region_weights, mean_region_weights
from ranfer.visualization.reliability import draw_reliability


class Prediction(NamedTuple):
    """What the pictures need of one predicted sample.

    Attributes:
        scores: Class probabilities, ``C`` numbers.
        label: True class.
        conditions: Names of the conditions that hold.
        weights: As a row of :attr:`Predictions.weights`.
    """

    scores: Sequence[float]
    label: int
    conditions: tuple[str, ...] = ()
    weights: Sequence[float | None] = ()

    @classmethod
    def from_sample(cls, sample: Any) -> Prediction:
        """Take it from a predicted sample, ``DataSample.to_dict()`` or ``DataSample`` itself."""
        return cls(
            sample.get('pred_score').tolist(),
            int(sample.get('gt_label')),
            tuple(sample.get('conditions') or ()),
            region_weights(sample),
        )

    @classmethod
    def from_saved(cls, saved: Predictions) -> list[Prediction]:
        """Take all of a file of predictions."""
        rows = zip(saved.scores, saved.labels, saved.conditions, saved.weights)
        return [cls(*row) for row in rows]


def draw_report(
    report: FERReport, references: dict[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Draw confusion matrix and condition accuracies of a report.

    Args:
        report: Figures of an evaluation.
        references: Published accuracies in percent by name. Defaults to none.

    Returns:
        dict[str, np.ndarray]: ``confusion`` and ``conditions``, RGB pictures.
    """
    accuracies = {'overall': (report.accuracy, report.count)}
    for name, value in report.conditions.items():
        accuracies[_free(name, 'condition', accuracies)] = value
    return {
        'confusion': draw_confusion(np.array(report.confusion), report.classes),
        'conditions': draw_conditions(accuracies, references),
    }


def draw_predictions(
    predictions: Sequence[Prediction],
    classes: Sequence[str] | None = None,
    overall: str | None = None,
) -> dict[str, np.ndarray]:
    """Draw reliability and mean region weights of many predictions.

    Args:
        predictions: At least one.
        classes: Class names. Defaults to numbers.
        overall: Condition whose samples make up all but the conditions, as in
            :class:`~ranfer.evaluation.FERMetric`. Defaults to all samples.

    Returns:
        dict[str, np.ndarray]: ``reliability``, if a sample counts, and ``region_weights``, where
        all samples have the same number of regions; RGB pictures.
    """
    scores = np.array([p.scores for p in predictions])
    labels = np.array([p.label for p in predictions])
    chosen = np.array([overall is None or overall in p.conditions for p in predictions])
    confidence, correct = scores.max(axis=1), scores.argmax(axis=1) == labels
    pictures = {}
    if chosen.any():
        pictures['reliability'] = draw_reliability(confidence[chosen], correct[chosen])
    size, *others = {len(p.weights) for p in predictions}
    if not size or others:
        return pictures
    groups = {'all': chosen}
    names = classes or map(str, range(scores.shape[1]))
    for i, name in enumerate(names):
        groups[_free(str(name), 'class', groups)] = chosen & (labels == i)
    for name in sorted({name for p in predictions for name in p.conditions}):
        holds = np.array([name in p.conditions for p in predictions])
        groups[_free(name, 'condition', groups)] = holds
    weights = np.array([p.weights for p in predictions], float)  # NaN in place of None
    means = mean_region_weights(weights, groups, ~np.isnan(weights))
    regions = ['0 face', *map(str, range(1, size))]
    pictures['region_weights'] = draw_region_weights(means, regions)
    return pictures


def _free(name: str, kind: str, taken: Container[str]) -> str:
    """The name, or with its kind if another row is called so."""
    return f'{name} ({kind})' if name in taken else name
