"""Accuracy of expression recognition overall, by class and by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ranfer.evaluation.report import FERReport, make_report
from ranfer.registry import METRICS


@METRICS.register_module()
class FERMetric(BaseMetric):
    """Accuracy, mean class accuracy, class rates, condition accuracies and confusion matrix.

    Returned keys (percent): ``fer/accuracy``, ``fer/mean_accuracy``, ``fer/macro_f1``,
    ``fer/calibration_error`` and ``fer/<condition>`` for every condition; counts as
    ``fer/<condition>_count``. All figures of the last evaluation stand in :attr:`report`.

    Under distributed evaluation every sample counts once: results are gathered from all processes
    in the order of the data set, and MMEngine cuts off what its sampler repeated at the end.

    Args:
        overall: Condition whose samples make up the overall and class figures, for data sets that
            put extra samples into their condition splits. Defaults to None, all samples.
        per_class: Whether ``fer/precision/<class>``, ``fer/recall/<class>`` and
            ``fer/f1/<class>`` are returned too. Defaults to False.
        collect_device: ``'cpu'`` or ``'gpu'``, as in MMEngine. Defaults to ``'cpu'``.
        prefix: First part of the keys. Defaults to ``'fer'``.

    Raises:
        ValueError: After an evaluation, if a condition is called like another figure, or as in
            :func:`ranfer.evaluation.make_report`.

    Example:
        >>> val_evaluator = dict(type='ranfer.FERMetric')
    """

    default_prefix = 'fer'

    def __init__(
        self,
        overall: str | None = None,
        per_class: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.overall = overall
        self.per_class = per_class
        self.report: FERReport | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, label and conditions of every predicted sample."""
        for sample in data_samples:
            if 'gt_label' not in sample:
                raise ValueError(
                    f'FERMetric got a sample without a label ({sample.get("img_path")}); evaluate '
                    f'on a split whose annotation has gt_label.'
                )
            self.results.append(
                (
                    sample['pred_score'].float().cpu().numpy(),
                    int(sample['gt_label']),
                    tuple(sample.get('conditions') or ()),
                )
            )

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Compute the report and return its figures; see the class for the keys."""
        rows, labels, conditions = zip(*results)
        scores = np.stack(rows)
        classes = (self.dataset_meta or {}).get('classes') or map(str, range(scores.shape[1]))
        self.report = report = make_report(
            scores,
            np.array(labels),
            conditions,
            tuple(classes),
            self.overall,
        )
        metrics = dict(
            accuracy=report.accuracy,
            mean_accuracy=report.mean_accuracy,
            macro_f1=report.macro_f1,
            calibration_error=report.calibration_error,
        )
        for name, (accuracy, count) in report.conditions.items():
            if name in metrics:
                raise ValueError(
                    f'conditions: {name!r} is the name of another figure of FERMetric; give that '
                    f'condition another name.'
                )
            metrics[name] = accuracy
            metrics[f'{name}_count'] = count
        if self.per_class:
            for rate in ('precision', 'recall', 'f1'):
                for name, value in zip(report.classes, getattr(report, rate)):
                    metrics[f'{rate}/{name}'] = value
        return metrics
