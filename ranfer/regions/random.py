"""Crops at random places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ranfer.regions.base import RegionStrategy, scale_boxes
from ranfer.registry import REGIONS


@REGIONS.register_module()
class RandomRegions(RegionStrategy):
    """Crops of random size at random places (RAN, section III-B "random cropping").

    Args:
        num_regions: Number of crops. Defaults to 5.
        scale: Smallest and largest side of a crop as a fraction of the image side, in ``(0, 1]``.
            Defaults to ``(0.7, 0.95)`` as in the paper.

    Raises:
        ValueError: If ``num_regions`` is below 1 or ``scale`` is not an increasing pair in (0, 1].

    Example:
        >>> random = dict(type='RandomRegions', num_regions=5)
        >>> dict(type='ranfer.RegionCropTransform', strategy=random)
    """

    def __init__(self, num_regions: int = 5, scale: Sequence[float] = (0.7, 0.95)) -> None:
        if num_regions < 1:
            raise ValueError(f'RandomRegions.num_regions must be at least 1, got {num_regions}.')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(
                f'RandomRegions.scale must be (smallest, largest) with 0 < smallest <= largest '
                f'<= 1, got {tuple(scale)}.'
            )
        self.num_regions = num_regions
        self.scale = (float(scale[0]), float(scale[1]))

    def __call__(
        self, size: tuple[int, int], landmarks: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`RegionStrategy.__call__`."""
        side = rng.uniform(*self.scale, size=(self.num_regions, 1))
        top_left = rng.uniform(size=(self.num_regions, 2)) * (1 - side)
        boxes = np.concatenate([top_left, np.minimum(top_left + side, 1)], axis=1)
        return scale_boxes(boxes, size), np.ones(self.num_regions, dtype=bool)
