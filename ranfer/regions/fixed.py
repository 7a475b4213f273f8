"""Crops at fixed places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ranfer.regions.base import RegionStrategy, scale_boxes
from ranfer.registry import REGIONS

PAPER_BOXES = (
    (0.0, 0.0, 0.75, 0.75),  # top left
    (0.25, 0.0, 1.0, 0.75),  # top right
    (0.125, 0.25, 0.875, 1.0),  # bottom centre
    (0.05, 0.05, 0.95, 0.95),  # centre, 0.9 of the side
    (0.075, 0.075, 0.925, 0.925),  # centre, 0.85 of the side
)


@REGIONS.register_module()
class FixedRegions(RegionStrategy):
    """The same crops in every image (RAN, section III-B "fixed position cropping").

    Args:
        boxes: ``(k, 4)`` xyxy as fractions of width and height, in ``[0, 1]``. Defaults to the
            paper's five: top left, top right and bottom centre at 0.75 of the side, and the centre
            at 0.9 and 0.85.

    Raises:
        ValueError: If a box leaves the image or is empty.

    Example:
        >>> fixed = dict(type='FixedRegions')
        >>> dict(type='ranfer.RegionCropTransform', strategy=fixed)
    """

    def __init__(self, boxes: Sequence[Sequence[float]] | np.ndarray = PAPER_BOXES) -> None:
        self.boxes = np.asarray(boxes, dtype=np.float64)
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4 or not len(self.boxes):
            raise ValueError(
                f'FixedRegions.boxes must be a list of [x1, y1, x2, y2], got shape '
                f'{self.boxes.shape}; give fractions of the image side such as [0, 0, 0.75, 0.75].'
            )
        inside = np.all((self.boxes >= 0) & (self.boxes <= 1))
        if not inside or np.any(self.boxes[:, 2:] <= self.boxes[:, :2]):
            raise ValueError(
                f'FixedRegions.boxes must satisfy 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1, got '
                f'{self.boxes.tolist()}; give fractions of the image side, not pixels.'
            )

    def __call__(
        self, size: tuple[int, int], landmarks: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`RegionStrategy.__call__`."""
        return scale_boxes(self.boxes, size), np.ones(len(self.boxes), dtype=bool)
