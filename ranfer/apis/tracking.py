"""Which face of a frame is which person of the frame before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import from_numpy
from torchvision.ops import box_iou


@dataclass
class _Track:
    number: int
    box: np.ndarray
    scores: np.ndarray
    missed: int = 0


class FaceTracker:
    """Joins boxes of successive frames by their overlap and smooths their scores.

    Pairs of highest overlap are joined first. A track that finds no box is kept for some frames,
    and its number is never given to another face.

    Args:
        smoothing: Share of the earlier scores in an exponential moving average, in ``[0, 1)``; 0
            leaves the scores as they are. Defaults to 0.6.
        min_overlap: Smallest intersection over union that joins two boxes. Defaults to 0.3.
        patience: Frames that a track survives without a box. Defaults to 15.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, smoothing: float = 0.6, min_overlap: float = 0.3, patience: int = 15
    ) -> None:
        if not 0 <= smoothing < 1 or not 0 < min_overlap <= 1 or patience < 0:
            raise ValueError(
                f'FaceTracker got smoothing {smoothing}, min_overlap {min_overlap} and patience '
                f'{patience}, expected them in [0, 1), (0, 1] and from 0.'
            )
        self.smoothing = smoothing
        self.min_overlap = min_overlap
        self.patience = patience
        self._tracks: list[_Track] = []
        self._next = 0

    @property
    def numbers(self) -> set[int]:
        """Numbers of the tracks that can still go on."""
        return {track.number for track in self._tracks}

    def update(self, boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the faces of the next frame.

        Args:
            boxes: xyxy, ``(K, 4)``.
            scores: Class probabilities, ``(K, C)``.

        Returns:
            tuple: Numbers of the tracks ``(K,)`` int and smoothed scores ``(K, C)``.
        """
        numbers, smooth = np.full(len(boxes), -1), np.array(scores, float)
        for track, index in self._match(boxes):
            track.box, track.missed = boxes[index], 0
            track.scores = self.smoothing * track.scores + (1 - self.smoothing) * scores[index]
            numbers[index], smooth[index] = track.number, track.scores
        for fresh in np.flatnonzero(numbers < 0):
            self._tracks.append(_Track(self._next, boxes[fresh], np.array(scores[fresh], float)))
            numbers[fresh] = self._next
            self._next += 1
        return numbers, smooth

    def _match(self, boxes: np.ndarray) -> list[tuple[_Track, int]]:
        """Pairs of track and box; tracks without a box age, and go when their time is over."""
        old = np.array([track.box for track in self._tracks], float).reshape(-1, 4)
        new = np.array(boxes, float).reshape(-1, 4)
        overlap = box_iou(from_numpy(old), from_numpy(new)).numpy()
        pairs: list[tuple[_Track, int]] = []
        while overlap.size and overlap.max() >= self.min_overlap:
            row, column = map(int, np.unravel_index(overlap.argmax(), overlap.shape))
            pairs.append((self._tracks[row], column))
            overlap[row], overlap[:, column] = -1, -1
        found = {track.number for track, _ in pairs}
        for track in self._tracks:
            track.missed += track.number not in found
        self._tracks = [track for track in self._tracks if track.missed <= self.patience]
        return pairs
