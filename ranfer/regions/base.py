"""What every region strategy has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class RegionStrategy(ABC):
    """A rule that says which parts of a face image become crops.

    A strategy is a pure function of the image size, the landmarks and a random generator. It does
    not include the whole face: :class:`ranfer.datasets.transforms.RegionCropTransform` puts that
    first. Register your own with ``@ranfer.registry.REGIONS.register_module()``.
    """

    @abstractmethod
    def __call__(
        self, size: tuple[int, int], landmarks: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of one image.

        Args:
            size: Height and width of the image in pixels.
            landmarks: ``(K, 3)`` float, x, y in pixels and visibility (0 = missing), or None.
            rng: Source of randomness; a strategy uses no other.

        Returns:
            tuple: Boxes ``(k, 4)`` float32, xyxy in pixels, inside the image, and a mask ``(k,)``
            bool that is False for a region that does not exist in this image.
        """


def scale_boxes(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Turn relative boxes into pixels.

    Args:
        boxes: ``(k, 4)``, xyxy as fractions of width and height, in ``[0, 1]``.
        size: Height and width of the image in pixels.

    Returns:
        np.ndarray: ``(k, 4)`` float32, xyxy in pixels.
    """
    height, width = size
    return (boxes * np.array([width, height, width, height])).astype(np.float32)
