"""Predictions of a test as JSON: labels, probabilities, region weights, nothing that runs.

.. code-block:: json

    {"dataset": "SFEW", "classes": ["angry", "..."], "overall": null, "predictions": [
      {"name": "angry/frame_0001.png", "label": 0, "conditions": [], "scores": [0.7, "..."],
       "weights": [0.2, null, "..."]}]}
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ranfer.evaluation.report import FERReport, make_report
from ranfer.registry import METRICS


@dataclass(frozen=True)
class Predictions:
    """What a model says about the images of a test split, in their order.

    Attributes:
        dataset: Name of the data set, or None.
        classes: ``C`` class names in index order.
        overall: Condition whose samples make up the overall figures, or None for all.
        names: ``N`` paths of the images below the folder that holds all of them.
        labels: True classes.
        conditions: Names of the conditions of every image.
        scores: Probabilities, ``N`` rows of ``C``.
        weights: ``N`` rows of the final weights of an image's regions, None for one that does not
            exist; empty rows for a model without regions. A file need not have them.
    """

    dataset: str | None
    classes: tuple[str, ...]
    overall: str | None
    names: tuple[str, ...]
    labels: tuple[int, ...]
    conditions: tuple[tuple[str, ...], ...]
    scores: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float | None, ...], ...]

    def report(self) -> FERReport:
        """Return every figure of these predictions."""
        return make_report(
            np.array(self.scores),
            np.array(self.labels),
            self.conditions,
            self.classes,
            self.overall,
        )

    def save(self, path: str | Path) -> None:
        """Write a JSON file; missing folders are made."""
        columns = zip(self.names, self.labels, self.conditions, self.scores, self.weights)
        keys = ('name', 'label', 'conditions', 'scores', 'weights')
        values = dict(
            dataset=self.dataset,
            classes=self.classes,
            overall=self.overall,
            predictions=[dict(zip(keys, row)) for row in columns],
        )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(values), encoding='utf-8')

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Read a JSON file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds no predictions.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'Predictions {path} do not exist; write them with tools/test.py --out {path}.'
            )
        try:
            values = json.loads(Path(path).read_text(encoding='utf-8'))
            rows = values['predictions']
            predictions = cls(
                dataset=values['dataset'],
                classes=tuple(map(str, values['classes'])),
                overall=values['overall'],
                names=tuple(str(row['name']) for row in rows),
                labels=tuple(int(row['label']) for row in rows),
                conditions=tuple(tuple(row['conditions']) for row in rows),
                scores=tuple(tuple(map(float, row['scores'])) for row in rows),
                weights=tuple(tuple(map(_weight, row.get('weights', ()))) for row in rows),
            )
            predictions.report()
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(
                f'{path} holds no predictions ({error}); give a JSON file that tools/test.py '
                f'--out wrote.'
            ) from error
        return predictions


@METRICS.register_module()
class DumpPredictions(BaseMetric):
    """Write the predictions of a test to a JSON file; see :class:`Predictions`.

    Args:
        out_file: File to write, ``.json``.
        overall: As in :class:`FERMetric`. Defaults to None.
        collect_device: ``'cpu'`` or ``'gpu'``, as in MMEngine. Defaults to ``'cpu'``.

    Example:
        >>> test_evaluator = [
        ...     dict(type='ranfer.FERMetric'),
        ...     dict(type='ranfer.DumpPredictions', out_file='predictions.json')]
    """

    default_prefix = 'predictions'

    def __init__(
        self, out_file: str, overall: str | None = None, collect_device: str = 'cpu'
    ) -> None:
        super().__init__(collect_device=collect_device)
        self.out_file = out_file
        self.overall = overall

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep path, label, conditions, scores and weights of every predicted sample."""
        for sample in data_samples:
            self.results.append(
                (
                    sample['img_path'],
                    int(sample['gt_label']),
                    tuple(sample.get('conditions') or ()),
                    tuple(round(x, 7) for x in sample['pred_score'].float().cpu().tolist()),
                    region_weights(sample),
                )
            )

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Write the file; there are no figures."""
        paths, labels, conditions, scores, weights = zip(*results)
        paths = tuple(map(os.path.abspath, paths))
        meta = self.dataset_meta or {}
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
        Predictions(
            dataset=meta.get('dataset'),
            classes=tuple(meta.get('classes') or map(str, range(len(scores[0])))),
            overall=self.overall,
            names=tuple(os.path.relpath(path, folder).replace(os.sep, '/') for path in paths),
            labels=labels,
            conditions=conditions,
            scores=scores,
            weights=weights,
        ).save(self.out_file)
        return {}


def region_weights(sample: Any) -> tuple[float | None, ...]:
    """The row of :attr:`Predictions.weights` of one predicted sample, or of its dict."""
    if 'region_weights' not in sample:
        return ()
    weights = sample.get('region_weights').float().tolist()
    exists = sample.get('region_mask')
    exists = [True] * len(weights) if exists is None else exists
    return tuple(round(x, 7) if real else None for x, real in zip(weights, exists))


def _weight(value: float | None) -> float | None:
    return None if value is None else float(value)
