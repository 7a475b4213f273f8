"""Random rotation, scale and shift of a face with its landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ranfer.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomFaceAffine(BaseTransform):
    """Turn, scale and shift an image about its centre with one warp.

    Required key: ``img``; optional: ``gt_keypoints`` ``(N, K, 3)``. Both are moved alike; a landmark
    that leaves the image keeps its coordinates and gets visibility 0. The border is replicated.

    Args:
        rotation: Largest angle in degrees to either side. Defaults to 0.
        scale: Smallest and largest factor. Defaults to ``(1, 1)``.
        translate: Largest shift to each side as a fraction of the image side. Defaults to 0.
        prob: Probability of applying it, in ``[0, 1]``. Defaults to 1.

    Raises:
        ValueError: If a key is out of range.

    Example:
        >>> dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.08)
    """

    def __init__(
        self,
        rotation: float = 0.0,
        scale: Sequence[float] = (1.0, 1.0),
        translate: float = 0.0,
        prob: float = 1.0,
    ) -> None:
        if rotation < 0 or translate < 0 or not 0 <= prob <= 1:
            raise ValueError(
                f'RandomFaceAffine needs rotation >= 0, translate >= 0 and prob in [0, 1], got '
                f'{rotation}, {translate} and {prob}.'
            )
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                f'RandomFaceAffine.scale must be (smallest, largest) with 0 < smallest <= largest, '
                f'got {tuple(scale)}.'
            )
        self.rotation = rotation
        self.scale = tuple(scale)
        self.translate = translate
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Warp ``img`` and ``gt_keypoints`` of ``results``."""
        if np.random.uniform() >= self.prob:
            return results
        height, width = results['img'].shape[:2]
        matrix = self._draw_matrix(height, width)
        results['img'] = cv2.warpAffine(
            results['img'],
            _pixel_centres(matrix),
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if results.get('gt_keypoints') is not None:
            results['gt_keypoints'] = move_keypoints(results['gt_keypoints'], matrix, width, height)
        return results

    def _draw_matrix(self, height: int, width: int) -> np.ndarray:
        angle = np.random.uniform(-self.rotation, self.rotation)
        factor = np.random.uniform(*self.scale)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, factor)
        matrix[:, 2] += np.random.uniform(-self.translate, self.translate, 2) * (width, height)
        return matrix

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(rotation={self.rotation}, scale={self.scale}, '
            f'translate={self.translate}, prob={self.prob})'
        )


def move_keypoints(
    keypoints: np.ndarray, matrix: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Apply an affine matrix to keypoints; those that leave the image become invisible.

    Args:
        keypoints: ``(N, K, 3)``: x, y in pixels, where 0 is the left or upper edge of the image,
            and visibility.
        matrix: ``(2, 3)``.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Returns:
        np.ndarray: ``(N, K, 3)`` float32.
    """
    points = keypoints[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    inside = np.all((points >= 0) & (points <= (width, height)), axis=-1)
    visible = np.where(inside, keypoints[..., 2], 0)
    return np.concatenate([points, visible[..., None]], axis=-1).astype(np.float32)


def _pixel_centres(matrix: np.ndarray) -> np.ndarray:
    """The same map for OpenCV, which counts from the centre of the first pixel."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    return shifted
