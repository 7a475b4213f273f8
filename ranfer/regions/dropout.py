"""Fewer regions in training than at test time."""

from __future__ import annotations

import numpy as np

from ranfer.regions.base import RegionStrategy
from ranfer.registry import REGIONS


@REGIONS.register_module()
class RegionDropout(RegionStrategy):
    """Keep a random part of another strategy's regions: for the pipeline of training alone.

    A regulariser: the net does not know which crops come, and a crop left out costs nothing.
    Attention takes any number of regions, so the test pipeline names the whole strategy.

    Args:
        strategy: Config of the registered strategy whose regions are drawn from.
        keep: Number of regions that stay, the same in every image, so that batches stay dense.

    Raises:
        ValueError: If ``keep`` is below 1, or above the number of regions of the strategy.

    Example:
        >>> fixed = dict(type='FixedRegions')
        >>> dropped = dict(type='RegionDropout', strategy=fixed, keep=3)
        >>> train = dict(type='ranfer.RegionCropTransform', strategy=dropped)
        >>> test = dict(type='ranfer.RegionCropTransform', strategy=fixed)
    """

    def __init__(self, strategy: dict | RegionStrategy, keep: int) -> None:
        if keep < 1:
            raise ValueError(f'RegionDropout.keep must be at least 1, got {keep}.')
        self.strategy = strategy if callable(strategy) else REGIONS.build(strategy)
        self.keep = keep

    def __call__(
        self, size: tuple[int, int], landmarks: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`RegionStrategy.__call__`."""
        boxes, mask = self.strategy(size, landmarks, rng)
        if self.keep > len(boxes):
            raise ValueError(
                f'RegionDropout.keep is {self.keep}, but {type(self.strategy).__name__} gives '
                f'{len(boxes)} regions; lower keep.'
            )
        kept = np.sort(rng.permutation(len(boxes))[: self.keep])
        return boxes[kept], mask[kept]
