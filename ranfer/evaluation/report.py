"""Every figure of one evaluation, from predicted and true labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ranfer.evaluation.tables import markdown_table

BINS = 15  # of the confidence, in the calibration error


@dataclass(frozen=True)
class FERReport:
    """Figures of one evaluation; rates are in percent.

    Attributes:
        classes: Class names in index order.
        count: Number of samples behind the overall figures.
        accuracy: Share of correct samples.
        mean_accuracy: Mean of the classes' recalls, over classes that occur.
        precision: Of every class; 0 where it was never predicted.
        recall: Of every class; NaN where it does not occur.
        f1: Of every class; 0 where it neither occurs nor was predicted.
        conditions: Accuracy and count of every condition.
        confusion: Counts, true class by row, predicted class by column.
        calibration_error: Expected calibration error over 15 equal bins of confidence.
        overall: Condition whose samples make up all but the conditions; None: all samples.
    """

    classes: tuple[str, ...]
    count: int
    accuracy: float
    mean_accuracy: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    conditions: dict[str, tuple[float, int]]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    overall: str | None = None

    @property
    def macro_f1(self) -> float:
        """Mean F1 in percent over the classes that occur or were predicted."""
        confusion = np.array(self.confusion)
        return float(np.mean(np.array(self.f1)[confusion.sum(axis=0) + confusion.sum(axis=1) > 0]))

    def to_dict(self) -> dict:
        """Return plain values that ``json`` can write; a figure that does not exist is None."""
        values = asdict(self)
        values['recall'] = tuple(None if np.isnan(x) else x for x in self.recall)
        values['conditions'] = {
            name: dict(accuracy=accuracy, count=count)
            for name, (accuracy, count) in self.conditions.items()
        }
        return values

    def save(self, path: str | Path) -> None:
        """Write a JSON file, as ``tools/test.py`` does; missing folders are made."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(self.to_dict(), indent=2), encoding='utf-8')

    @classmethod
    def load(cls, path: str | Path) -> FERReport:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds no report.
        """
        try:
            values = json.loads(Path(path).read_text(encoding='utf-8'))
            values['conditions'] = {
                name: (row['accuracy'], row['count']) for name, row in values['conditions'].items()
            }
            values['recall'] = tuple(np.nan if x is None else x for x in values['recall'])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{str(path)!r} is no report ({error}); give the report.json that tools/test.py '
                f'wrote.'
            ) from error

    def summary_table(self, references: dict[str, float] | None = None) -> str:
        """Return overall, mean-class and condition accuracies as a Markdown table.

        Args:
            references: Published accuracies in percent by row name (``'overall'``, ``'occlusion'``,
                ...), printed beside. Defaults to none.
        """
        references = references or {}
        rows = [('overall', self.accuracy, self.count)]
        rows.append(('mean class', self.mean_accuracy, self.count))
        rows.extend((name, *value) for name, value in self.conditions.items())
        head = ['', 'accuracy %', 'images'] + (['paper %'] if references else [])
        lines = [[name, f'{accuracy:.2f}', str(count)] for name, accuracy, count in rows]
        if references:
            for line in lines:
                line.append(f'{references[line[0]]:.2f}' if line[0] in references else '')
        return markdown_table(head, lines)

    def class_table(self) -> str:
        """Return precision, recall, F1 and count of every class as a Markdown table."""
        counts = [sum(row) for row in self.confusion]
        lines = [
            [name, f'{p:.2f}', f'{r:.2f}', f'{f:.2f}', str(n)]
            for name, p, r, f, n in zip(self.classes, self.precision, self.recall, self.f1, counts)
        ]
        return markdown_table(['class', 'precision %', 'recall %', 'F1 %', 'images'], lines)

    def calibration_line(self) -> str:
        """Return the expected calibration error as a line of text."""
        return f'expected calibration error ({BINS} bins): {self.calibration_error:.2f} %'


def make_report(
    scores: np.ndarray,
    labels: np.ndarray,
    conditions: Sequence[Sequence[str]],
    classes: Sequence[str],
    overall: str | None = None,
) -> FERReport:
    """Compute every figure of one evaluation.

    Args:
        scores: Class probabilities, ``(N, C)`` float.
        labels: True classes, ``(N,)`` int in ``[0, C)``.
        conditions: Names of the conditions that hold for each sample.
        classes: ``C`` class names.
        overall: Condition whose samples make up the overall and class figures. Defaults to all
            samples.

    Returns:
        FERReport: The figures.

    Raises:
        ValueError: If there is no sample, no sample under ``overall``, a label is out of range, or
            a score is no probability.
    """
    num_classes = len(classes)
    _check(scores, labels, num_classes)
    predicted = scores.argmax(axis=1)
    correct = predicted == labels
    by_condition: dict[str, list[int]] = {}
    for index, names in enumerate(conditions):
        for name in set(names):
            by_condition.setdefault(name, []).append(index)
    chosen = np.arange(len(labels)) if overall is None else np.array(by_condition.get(overall, []))
    if not len(chosen):
        raise ValueError(
            f'FERMetric.overall is {overall!r}, but no sample has that condition; the samples have '
            f'{sorted(by_condition)}.'
        )
    confusion = confusion_matrix(labels[chosen], predicted[chosen], num_classes)
    precision, recall, f1 = class_rates(confusion)
    return FERReport(
        classes=tuple(classes),
        count=len(chosen),
        accuracy=100 * float(correct[chosen].mean()),
        mean_accuracy=float(np.nanmean(recall)),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        conditions={
            name: (100 * float(correct[rows].mean()), len(rows))
            for name, rows in sorted(by_condition.items())
        },
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        calibration_error=calibration_error(scores[chosen].max(axis=1), correct[chosen]),
        overall=overall,
    )


def _check(scores: np.ndarray, labels: np.ndarray, num_classes: int) -> None:
    if scores.ndim != 2 or scores.shape[1] != num_classes or not len(scores):
        raise ValueError(
            f'The evaluation expects scores (N, {num_classes}) of at least one sample, got shape '
            f'{scores.shape}; num_classes of the head must equal the classes of the data set.'
        )
    if not ((scores > -1e-3) & (scores < 1 + 1e-3)).all():  # False for NaN too
        raise ValueError(
            'The scores must be probabilities in [0, 1], but some are not finite or lie outside; '
            'if the training of the model diverged, use an earlier checkpoint.'
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f'Labels must be in [0, {num_classes}), got {labels.min()} to {labels.max()}.'
        )


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Count ``(C, C)`` pairs, true class by row, predicted class by column."""
    pairs = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)


def class_rates(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 in percent from a confusion matrix; see :class:`FERReport`."""
    hits = 100.0 * np.diag(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, true, out=np.full_like(hits, np.nan), where=true > 0)
    either = true + predicted
    f1 = np.divide(2 * hits, either, out=np.zeros_like(hits), where=either > 0)
    return precision, recall, f1


def bin_index(values: np.ndarray, bins: int) -> np.ndarray:
    """Equal bin ``b``, ``[b / bins, (b + 1) / bins)``, of values in [0, 1]; 1 is in the last."""
    return np.minimum((values * bins).astype(int), bins - 1)


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error in percent.

    The confidences fall into 15 equal bins; the error is the mean over the samples of
    ``|accuracy - mean confidence|`` of their bin.

    Args:
        confidence: Highest probability of every sample, ``(N,)`` in [0, 1].
        correct: Whether the prediction was right, ``(N,)`` bool.
    """
    index = bin_index(confidence, BINS)
    gaps = np.abs(np.bincount(index, weights=confidence - correct, minlength=BINS))
    return 100 * float(gaps.sum() / len(confidence))
