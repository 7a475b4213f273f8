"""All pictures of one evaluation."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np

from ranfer.evaluation.predictions import Predictions
from ranfer.evaluation.report import FERReport
from ranfer.visualization.conditions import draw_conditions
from ranfer.visualization.confusion import draw_confusion
from ranfer.visualization.region_weights import draw_region_weights, mean_region_weights
from ranfer.visualization.reliability import draw_reliability


class Prediction(NamedTuple):
    """What the pictures need of one predicted sample.

    Attributes:
        scores: Class probabilities, ``(C,)``.
        label: True class.
        conditions: Names of the conditions that hold.
        weights: Final region weights, ``(R,)``, or None.
        mask: True where a region exists, ``(R,)`` bool, or None.
    """

    scores: np.ndarray
    label: int
    conditions: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    mask: np.ndarray | None = None

    @classmethod
    def from_sample(cls, sample: Any) -> Prediction:
        """Take it from a predicted sample, ``DataSample.to_dict()`` or ``DataSample`` itself."""
        weights, mask = sample.get('region_weights'), sample.get('region_mask')
        return cls(
            sample.get('pred_score').float().cpu().numpy(),
            int(sample.get('gt_label')),
            tuple(sample.get('conditions') or ()),
            None if weights is None else weights.float().cpu().numpy(),
            None if weights is None or mask is None else np.asarray(mask)[: len(weights)],
        )

    @classmethod
    def from_saved(cls, saved: Predictions) -> list[Prediction]:
        """Take all of a file of predictions."""
        predictions = []
        columns = saved.scores, saved.labels, saved.conditions, saved.weights
        for scores, label, conditions, row in zip(*columns):
            weights = np.array(row, float) if row else None
            mask = None if weights is None else ~np.isnan(weights)
            predictions.append(cls(np.array(scores), label, conditions, weights, mask))
        return predictions


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
    scores = np.stack([p.scores for p in predictions])
    labels = np.array([p.label for p in predictions])
    chosen = np.array([overall is None or overall in p.conditions for p in predictions])
    confidence, correct = scores.max(axis=1), scores.argmax(axis=1) == labels
    pictures = {}
    if chosen.any():
        pictures['reliability'] = draw_reliability(confidence[chosen], correct[chosen])
    sizes = {None if p.weights is None else len(p.weights) for p in predictions}
    size = sizes.pop()
    if size is None or sizes:
        return pictures
    groups = {'all': chosen}
    names = classes or map(str, range(scores.shape[1]))
    for i, name in enumerate(names):
        groups[_free(str(name), 'class', groups)] = chosen & (labels == i)
    for name in sorted({name for p in predictions for name in p.conditions}):
        holds = np.array([name in p.conditions for p in predictions])
        groups[_free(name, 'condition', groups)] = holds
    masks = [np.ones(size, bool) if p.mask is None else p.mask for p in predictions]
    weights = np.stack([p.weights for p in predictions if p.weights is not None])
    means = mean_region_weights(weights, groups, np.stack(masks))
    regions = ['0 face', *map(str, range(1, size))]
    pictures['region_weights'] = draw_region_weights(means, regions)
    return pictures


def _free(name: str, kind: str, taken: Container[str]) -> str:
    """The name, or with its kind if another row is called so."""
    return f'{name} ({kind})' if name in taken else name
