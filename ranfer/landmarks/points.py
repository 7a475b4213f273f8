"""The five points of ranfer, also from face models with many points."""

import numpy as np

FIVE_POINTS: dict[int, tuple[tuple[int, ...], ...]] = {
    5: ((0,), (1,), (2,), (3,), (4,)),
    68: (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,)),
    98: (tuple(range(60, 68)), tuple(range(68, 76)), (54,), (76,), (82,)),
    106: (tuple(range(66, 74)), tuple(range(75, 83)), (54,), (84,), (90,)),
}
"""Number of points -> the points whose mean is left eye, right eye, nose tip, left and right mouth
corner (left and right as seen in the image). 5: MTCNN; 68: iBUG 300-W, also dlib and AffectNet;
98: WFLW; 106: LaPa (JD-106)."""

SWAP = np.array([1, 0, 2, 4, 3])
"""Order of the five points after a horizontal flip."""


def to_five_points(points: np.ndarray) -> np.ndarray:
    """Reduce the points of a face model by :data:`FIVE_POINTS`.

    Args:
        points: Pixels, shape ``(..., P, 2)`` with P of 5, 68, 98 or 106.

    Returns:
        np.ndarray: float32, shape ``(..., 5, 2)``.

    Raises:
        ValueError: If P has no index table.
    """
    points = np.asarray(points, dtype=np.float32)
    count = points.shape[-2] if points.ndim >= 2 else 0
    if count not in FIVE_POINTS or points.shape[-1] != 2:
        raise ValueError(
            f'points: got shape {points.shape}, expected (..., P, 2) with P of '
            f'{", ".join(map(str, FIVE_POINTS))}; use a face model with one of these layouts'
        )
    groups = FIVE_POINTS[count]
    return np.stack([points[..., list(group), :].mean(-2) for group in groups], axis=-2)


def hide_outside(keypoints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Make points outside an image invisible.

    Args:
        keypoints: x, y in pixels and visibility, shape ``(..., 3)``.
        size: Height and width of the image.

    Returns:
        np.ndarray: A copy, in which such points have visibility 0.
    """
    places = keypoints[..., :2]
    inside = ((places >= 0) & (places <= size[::-1])).all(-1)
    seen = np.where(inside, keypoints[..., 2], 0)
    return np.concatenate([places, seen[..., None]], axis=-1)
