"""How far found landmarks lie from the true ones."""

import numpy as np


def landmark_error(found: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> float:
    """Mean distance of the counted points, each as a part of its face's inter-ocular distance.

    Args:
        found: Pixels, shape ``(N, 5, 2)``.
        truth: Pixels, shape ``(N, 5, 2)``; the first two points are the eyes.
        counted: Whether a point counts, bool, shape ``(N, 5)``.

    Returns:
        float: The normalised mean error, 0.05 being 5 % of the distance between the eyes; NaN when
        no point counts.
    """
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=-1)
    counted = counted & (eyes > 0)[:, None]
    errors = np.linalg.norm(found - truth, axis=-1) / np.where(eyes > 0, eyes, 1)[:, None]
    return float(errors[counted].mean()) if counted.any() else float('nan')


def mean_shape(points: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean place of each visible point: what a model that does not look at the image would say.

    Args:
        points: Pixels or parts of the image side, shape ``(N, 5, 2)``.
        visible: Bool, shape ``(N, 5)``.

    Returns:
        np.ndarray: Shape ``(5, 2)``.

    Raises:
        ValueError: If a point is visible on no face.
    """
    if not visible.any(axis=0).all():
        raise ValueError(
            'A landmark is visible on no face, so it has no mean place; give more faces.'
        )
    weights = np.broadcast_to(visible[..., None], points.shape).astype(float)
    return np.average(points, axis=0, weights=weights)
