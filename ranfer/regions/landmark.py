"""Crops around facial landmarks."""

from __future__ import annotations

import numpy as np

from ranfer.regions.base import RegionStrategy
from ranfer.registry import REGIONS


@REGIONS.register_module()
class LandmarkRegions(RegionStrategy):
    """Squares of one radius around the landmarks (RAN, section III-B "landmark-based cropping").

    A square is cut off at the border of the image. A region does not exist (its mask is False)
    where the landmark is missing (visibility 0, NaN) or lies outside the image.

    Args:
        num_landmarks: Number of landmarks K an image must come with. Defaults to 5 (both eyes,
            nose, both mouth corners, as MTCNN gives them).
        radius: Half side of a square as a fraction of the shorter image side. Defaults to 0.25.

    Raises:
        ValueError: If ``radius`` is not positive, or at call time if landmarks are absent or not of
            shape ``(num_landmarks, 3)``.

    Example:
        >>> landmark = dict(type='LandmarkRegions', radius=0.25)
        >>> dict(type='ranfer.RegionCropTransform', strategy=landmark)
    """

    def __init__(self, num_landmarks: int = 5, radius: float = 0.25) -> None:
        if not radius > 0:
            raise ValueError(f'LandmarkRegions.radius must be positive, got {radius}.')
        if num_landmarks < 1:
            raise ValueError(
                f'LandmarkRegions.num_landmarks must be positive, got {num_landmarks}.'
            )
        self.num_landmarks = num_landmarks
        self.radius = radius

    def __call__(
        self, size: tuple[int, int], landmarks: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`RegionStrategy.__call__`."""
        if landmarks is None:
            raise ValueError(
                'LandmarkRegions found no landmarks (gt_keypoints) in the sample; add them with '
                'tools/dataset_converters/extract_landmarks.py or choose another region strategy.'
            )
        landmarks = np.asarray(landmarks, dtype=np.float64)
        if landmarks.shape != (self.num_landmarks, 3):
            raise ValueError(
                f'LandmarkRegions expects landmarks of shape ({self.num_landmarks}, 3) = x, y, '
                f'visibility, got {landmarks.shape}; set num_landmarks or repair the annotation.'
            )
        height, width = size
        limit = np.array([width, height], dtype=np.float64)
        points, visible = landmarks[:, :2], landmarks[:, 2] > 0
        with np.errstate(invalid='ignore'):
            mask = visible & np.all((points >= 0) & (points <= limit), axis=1)
        points = np.where(mask[:, None], points, 0)
        radius = self.radius * min(size)
        boxes = np.concatenate(
            [np.maximum(points - radius, 0), np.minimum(points + radius, limit)], axis=1
        )
        boxes[~mask] = 0
        return boxes.astype(np.float32), mask
