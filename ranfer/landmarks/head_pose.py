"""Head pose from five landmarks by PnP."""

import cv2
import numpy as np

MEAN_FACE = np.array(
    [
        [-31.5, -37.0, 40.0],
        [31.5, -37.0, 40.0],
        [0.0, 0.0, 0.0],
        [-25.0, 32.0, 32.0],
        [25.0, 32.0, 32.0],
    ]
)
"""The five points of a mean adult face in millimetres: x right, y down, z away from the viewer,
from the tip of the nose. The eyes are pupils, 63 mm apart."""

_DISTANCE = 1000.0
_STARTS = np.deg2rad([0.0, -50.0, 50.0])


def _camera(landmarks: np.ndarray) -> np.ndarray:
    """A camera one metre away with its axis through the landmarks; their size gives the scale."""
    centre = landmarks.mean(0)
    spread = np.sqrt(((landmarks - centre) ** 2).sum())
    model = MEAN_FACE[:, :2] - MEAN_FACE[:, :2].mean(0)
    focal = spread / np.sqrt((model**2).sum()) * _DISTANCE
    return np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])


def angles(rotation: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll of a rotation ``R = R_z(roll) R_x(pitch) R_y(yaw)``.

    Args:
        rotation: From face to camera, both x right, y down, z to the viewer; shape ``(3, 3)``.

    Returns:
        np.ndarray: Degrees, shape ``(3,)``: yaw (positive: the face turns to the image's right),
        pitch (positive: up), roll (positive: clockwise).
    """
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[2, 1], -1, 1))
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return np.rad2deg([yaw, pitch, roll])


def head_pose(landmarks: np.ndarray) -> np.ndarray:
    """Estimate the pose of one face.

    The camera is unknown, so it is taken to be far away with its axis through the face. The search
    starts from three yaws and the pose with the least reprojection error is taken.

    Args:
        landmarks: Left eye, right eye, nose, left and right mouth corner in pixels, shape
            ``(5, 2)``.

    Returns:
        np.ndarray: Yaw, pitch and roll in degrees, see :func:`angles`; shape ``(3,)``.

    Raises:
        ValueError: If the landmarks are not five distinct finite points, or those of no head that
            looks at the camera, as when left and right are exchanged.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all() or np.ptp(points, axis=0).max() <= 0:
        raise ValueError(
            f'landmarks: got {np.asarray(landmarks).tolist()}, expected five distinct points of '
            f'shape (5, 2); leave out the face or find its landmarks again'
        )
    camera = _camera(points)
    best, best_error = np.eye(3), np.inf
    for start in _STARTS:
        turn = np.array([[0.0], [start], [0.0]])
        place = np.array([[0.0], [0.0], [_DISTANCE]])
        found, turn, place = cv2.solvePnP(
            MEAN_FACE, points, camera, None, turn, place, True, cv2.SOLVEPNP_ITERATIVE
        )
        if not found:
            continue
        seen, _ = cv2.projectPoints(MEAN_FACE, turn, place, camera, None)
        error = float(((seen[:, 0] - points) ** 2).sum())
        rotation = cv2.Rodrigues(turn)[0]
        if error < best_error and rotation[2, 2] > 0:
            best, best_error = rotation, error
    if not np.isfinite(best_error):
        raise ValueError(
            f'landmarks: {points.round(1).tolist()} are those of no head seen from the front; give '
            f'left and right as in the image'
        )
    flip = np.diag([1.0, 1.0, -1.0])
    return angles(flip @ best @ flip)
