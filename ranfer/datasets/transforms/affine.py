"""Random rotation, scale, shift and shear of a face in one warp."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from numpy.typing import ArrayLike

from ranfer.landmarks.align import move_boxes, move_points, warp
from ranfer.landmarks.points import hide_outside
from ranfer.registry import TRANSFORMS


def affine_matrix(
    size: tuple[int, int], rotation: float, scale: float, shift: ArrayLike, shear: float
) -> np.ndarray:
    """Affine map about the centre of an image: shear, then scale, rotate and shift.

    Args:
        size: Height and width in pixels.
        rotation: Degrees, positive clockwise in the image.
        scale: Factor, greater than 0.
        shift: x and y in pixels.
        shear: Degrees by which vertical lines lean.

    Returns:
        np.ndarray: Matrix for :func:`ranfer.landmarks.align.warp`, float64, shape ``(2, 3)``.
    """
    turn, lean = np.deg2rad([rotation, shear])
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, np.tan(lean)], [0, 1]])
    centre = np.array(size[::-1]) / 2
    return np.column_stack([linear, centre - linear @ centre + np.asarray(shift)])


@TRANSFORMS.register_module()
class RandomFaceAffine(BaseTransform):
    """Rotate, scale, shift and shear about the image centre; landmarks and boxes move along.

    The border is replicated. A landmark that leaves the image keeps its
    coordinates and gets visibility 0.

    Args:
        rotation: Degrees, ``(low, high)``, or a number for ``(-x, x)``. Defaults to 0.
        scale: Factors ``(low, high)``. Defaults to (1, 1).
        translate: Largest shift as a part of width and height. Defaults to 0.
        shear: Degrees, ``(low, high)`` or a number. Defaults to 0.
        prob: Probability that an image is changed. Defaults to 1.

    Raises:
        ValueError: If a range is not increasing, a scale not positive, or ``prob`` or
            ``translate`` not in [0, 1].

    Example:
        >>> dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.08)
    """

    def __init__(
        self,
        rotation: float | Sequence[float] = 0.0,
        scale: Sequence[float] = (1.0, 1.0),
        translate: float = 0.0,
        shear: float | Sequence[float] = 0.0,
        prob: float = 1.0,
    ) -> None:
        self.rotation = _interval('rotation', rotation)
        self.scale = _interval('scale', scale)
        self.shear = _interval('shear', shear)
        if self.scale[0] <= 0:
            raise ValueError(f'scale: got {scale}, expected factors above 0; raise the lower one')
        for key, value in (('translate', translate), ('prob', prob)):
            if not 0 <= value <= 1:
                raise ValueError(f'{key}: got {value}, expected a number in [0, 1]; correct it')
        self.translate = translate
        self.prob = prob

    @cache_randomness
    def _draw(self, size: tuple[int, int]) -> np.ndarray | None:
        """Matrix for an image of this height and width, None if it stays as it is."""
        if np.random.rand() >= self.prob:
            return None
        height, width = size
        shift = np.random.uniform(-self.translate, self.translate, 2) * (width, height)
        rotation, scale, shear = (
            np.random.uniform(*bounds) for bounds in (self.rotation, self.scale, self.shear)
        )
        return affine_matrix(size, rotation, scale, shift, shear)

    def transform(self, results: dict) -> dict:
        """Warp the image.

        Args:
            results: Has ``img`` (shape ``(H, W[, C])``) and maybe ``gt_keypoints`` (``(1, 5, 3)``)
                and ``gt_bboxes`` (``(N, 4)``).

        Returns:
            dict: ``results`` with the moved entries; the image keeps its shape and type.
        """
        image = results['img']
        matrix = self._draw(image.shape[:2])
        if matrix is None:
            return results
        size = image.shape[1], image.shape[0]
        results['img'] = warp(image, matrix, size, cv2.BORDER_REPLICATE)
        if results.get('gt_keypoints') is not None:
            moved = results['gt_keypoints'].copy()
            moved[..., :2] = move_points(moved[..., :2], matrix)
            results['gt_keypoints'] = hide_outside(moved, image.shape[:2])
        boxes = results.get('gt_bboxes')
        if boxes is not None:
            results['gt_bboxes'] = move_boxes(boxes, matrix).astype(boxes.dtype)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(rotation={self.rotation}, scale={self.scale}, '
            f'translate={self.translate}, shear={self.shear}, prob={self.prob})'
        )


def _interval(key: str, value: float | Sequence[float]) -> tuple[float, float]:
    bounds = (-abs(value), abs(value)) if isinstance(value, (int, float)) else tuple(value)
    if len(bounds) != 2 or not bounds[0] <= bounds[1]:
        raise ValueError(f'{key}: got {value}, expected low and high with low <= high; correct it')
    return bounds
