"""The expression of a person in a video, from several frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from ranfer.apis.classifier import Classifier, Scores, TorchClassifier
from ranfer.apis.tracking import FaceTracker


class TrackScores:
    """Numbers the persons of successive frames and sums up their frames.

    Args:
        classifier: What gave the scores.
        smoothing: Share of the earlier frames in an exponential moving average, see
            :class:`ranfer.apis.tracking.FaceTracker`. Defaults to 0.6.
        window: Number of frames of a person whose regions together are one set for the attention of
            the model, in place of the average. Defaults to None, the average.

    Raises:
        ValueError: If an argument is out of range, or ``window`` is given for a model without
            :class:`ranfer.models.RANNeck` and :class:`ranfer.models.RelationAttentionHead`, or one
            in ONNX Runtime.
    """

    def __init__(
        self, classifier: Classifier, smoothing: float = 0.6, window: int | None = None
    ) -> None:
        self._tracker = FaceTracker(smoothing)
        self._num_classes = len(classifier.classes)
        self._window = window
        self._past: dict[int, deque[Scores]] = {}
        if window is None:
            return
        if window < 1:
            raise ValueError(f'window must be at least 1 frame, got {window}.')
        if not isinstance(classifier, TorchClassifier) or not classifier.joins:
            raise ValueError(
                'window needs a model with ranfer.RANNeck, ranfer.RelationAttentionHead and '
                "backend='torch'; leave it out, and the frames are averaged."
            )
        self._classifier = classifier

    def update(self, boxes: np.ndarray, scores: Sequence[Scores]) -> tuple[np.ndarray, np.ndarray]:
        """Take the faces of the next frame.

        Args:
            boxes: xyxy, ``(K, 4)``.
            scores: What the model said of each.

        Returns:
            tuple: Numbers of the persons ``(K,)`` int and probabilities ``(K, C)``.
        """
        raw = np.array([one.scores for one in scores], float).reshape(-1, self._num_classes)
        numbers, smooth = self._tracker.update(boxes, raw)
        if self._window is None:
            return numbers, smooth
        live = self._tracker.numbers
        self._past = {number: past for number, past in self._past.items() if number in live}
        for number, one in zip(numbers, scores):
            self._past.setdefault(int(number), deque(maxlen=self._window)).append(one)
        joined = [self._classifier.join(self._past[int(number)]) for number in numbers]
        return numbers, np.array(joined, float).reshape(raw.shape)
