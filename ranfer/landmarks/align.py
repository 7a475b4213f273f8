"""Face crops: by a similarity transform of five points, or by the plain box as in the paper.

Coordinates are pixels counted from the left and upper *edge* of the image, as MMCV's transforms
count: the centre of the first pixel is (0.5, 0.5), a flip maps x to W - x.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike

_TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]
)
"""Mean place of the five points in a 112 x 112 face crop, as face recognition uses it."""


def face_template(size: int, margin: float = 0.1, shift: float = 0.0) -> np.ndarray:
    """Places of the five points in an aligned face.

    Args:
        size: Side of the aligned face in pixels.
        margin: Part of the side that is added around the tight crop on each side. Defaults to 0.1.
        shift: Part of the side by which the points are moved down. Defaults to 0.

    Returns:
        np.ndarray: Pixels, float64, shape ``(5, 2)``.
    """
    points = (_TEMPLATE / 112 + margin) / (1 + 2 * margin)
    return (points + np.array([0, shift])) * size


def fit_template(points: np.ndarray) -> tuple[float, float]:
    """How a data set frames its faces, next to the template of face recognition.

    Args:
        points: The five points of a typical face, as parts of the image's side, shape ``(5, 2)``.

    Returns:
        tuple[float, float]: Margin and shift with which :func:`face_template` comes nearest to the
        points.
    """
    points, template = np.asarray(points) - 0.5, _TEMPLATE / 112 - 0.5
    middle = template.mean(0)
    spread = template - middle
    scale = (spread * points).sum() / (spread * spread).sum()
    return float((1 / scale - 1) / 2), float((points.mean(0) - scale * middle)[1])


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation, uniform scale and shift that map points with the least squared error.

    A similarity in the plane is ``x' = a x - b y + c, y' = b x + a y + d``, so the least-squares
    problem is linear and the solution has no reflection.

    Args:
        source: Points, shape ``(P, 2)``, at least two distinct ones.
        target: Where they should go, shape ``(P, 2)``.

    Returns:
        np.ndarray: Matrix for :func:`move_points` and :func:`warp`, float64, shape ``(2, 3)``.

    Raises:
        ValueError: If the points are not finite or all the same.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    centre, goal = source.mean(0), target.mean(0)
    x, y = (source - centre).T
    u, v = (target - goal).T
    spread = (x * x + y * y).sum()
    if not np.isfinite(spread) or spread < 1e-12:
        raise ValueError(
            f'landmarks: got {source.tolist()}, expected at least two distinct finite points; '
            f'leave out the face or correct its landmarks'
        )
    a, b = (x * u + y * v).sum() / spread, (x * v - y * u).sum() / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, goal - linear @ centre])


def move_points(points: ArrayLike, matrix: np.ndarray) -> np.ndarray:
    """Apply an affine matrix to points.

    Args:
        points: Shape ``(..., 2)``.
        matrix: Shape ``(2, 3)``.

    Returns:
        np.ndarray: float64, shape ``(..., 2)``.
    """
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Upright boxes around the moved corners of boxes.

    Args:
        boxes: xyxy, shape ``(N, 4)``.
        matrix: Shape ``(2, 3)``.

    Returns:
        np.ndarray: float64, shape ``(N, 4)``.
    """
    corners = move_points(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]], matrix)
    return np.hstack([corners.min(1), corners.max(1)])


def warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: int = cv2.BORDER_CONSTANT
) -> np.ndarray:
    """:func:`cv2.warpAffine` for a matrix between edge coordinates.

    Args:
        image: Shape ``(H, W)`` or ``(H, W, C)``.
        matrix: From image to output, shape ``(2, 3)``.
        size: Width and height of the output in pixels.
        border: OpenCV's border mode. Defaults to black.

    Returns:
        np.ndarray: Warped bilinearly, type of ``image``.
    """
    centres = np.array(matrix, np.float64)
    centres[:, 2] += centres[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(image, centres, size, flags=cv2.INTER_LINEAR, borderMode=border)


def warp_face(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp to a square; what lies outside the image is black.

    A warp that shrinks samples an image that was shrunk with area averaging first, for a bilinear
    warp alone would alias; what lies far from the square is left out before.

    Args:
        image: uint8, shape ``(H, W)`` or ``(H, W, 3)``.
        matrix: Image to face, shape ``(2, 3)``.
        size: Side of the face in pixels.

    Returns:
        np.ndarray: uint8, shape ``(size, size)`` or ``(size, size, 3)``.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if 0 < scale < 0.7:
        image, matrix = _surroundings(image, matrix, size, margin=2 / scale)
        if not image.size:
            return np.zeros((size, size, *image.shape[2:]), image.dtype)
        height, width = image.shape[:2]
        small = max(round(width * scale), 1), max(round(height * scale), 1)
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        matrix = matrix * [width / small[0], height / small[1], 1]
    return warp(image, matrix, (size, size))


def _surroundings(
    image: np.ndarray, matrix: np.ndarray, size: int, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image that a warped square shows, and the matrix from it."""
    square = [[0, 0], [size, 0], [0, size], [size, size]]
    corners = move_points(square, cv2.invertAffineTransform(matrix))
    bounds = image.shape[1::-1]
    left, top = np.clip(np.floor(corners.min(0) - margin), 0, bounds).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0) + margin), 0, bounds).astype(int)
    moved = np.column_stack([matrix[:, :2], move_points((left, top), matrix)])
    return image[top:bottom, left:right], moved


def align_face(
    image: np.ndarray, landmarks: np.ndarray, size: int = 224, margin: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out a face so that its five points lie as near as possible to the template.

    Args:
        image: uint8, shape ``(H, W)`` or ``(H, W, 3)``.
        landmarks: The five points in pixels, shape ``(5, 2)``.
        size: Side of the face in pixels. Defaults to 224.
        margin: See :func:`face_template`. Defaults to 0.1.

    Returns:
        tuple[np.ndarray, np.ndarray]: Face, uint8, shape ``(size, size[, 3])``; its five points,
        float64, shape ``(5, 2)``.

    Raises:
        ValueError: If the landmarks are degenerate.
    """
    matrix = similarity_transform(landmarks, face_template(size, margin))
    return warp_face(image, matrix, size), move_points(landmarks, matrix)


def crop_face(
    image: np.ndarray, box: np.ndarray, size: int = 224, margin: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out the square around a face box, as the paper does.

    Args:
        image: uint8, shape ``(H, W)`` or ``(H, W, 3)``.
        box: x1, y1, x2, y2 in pixels; may reach beyond the image.
        size: Side of the face in pixels. Defaults to 224.
        margin: Part of the box side that is added on each side. Defaults to 0.

    Returns:
        tuple[np.ndarray, np.ndarray]: Face, uint8, shape ``(size, size[, 3])``; the matrix from
        image to face, float64, shape ``(2, 3)``, for :func:`move_points`.

    Raises:
        ValueError: If the box is empty or not finite.
    """
    x1, y1, x2, y2 = np.asarray(box, np.float64)
    side = max(x2 - x1, y2 - y1) * (1 + 2 * margin)
    if not np.isfinite([x1, y1, x2, y2]).all() or x2 <= x1 or y2 <= y1:
        raise ValueError(
            f'box: got {[x1, y1, x2, y2]}, expected x1 < x2 and y1 < y2; leave out the face'
        )
    scale = size / side
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return warp_face(image, matrix, size), matrix
