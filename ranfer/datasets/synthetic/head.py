"""The head: a smooth star-shaped surface, its camera, and rays traced to it.

A direction ``d`` from the centre of the head has the surface coordinates
``(u, v) = sqrt(2 / (1 + d_z)) * (d_x, d_y)`` (Lambert's equal-area map): the face looks along
``(0, 0)``, ``u`` grows to the image's right, ``v`` downwards, the back of the head is the circle of
radius 2. The surface is a radius map over these coordinates: an ellipsoid plus bumps for nose,
brows, cheeks, lips, chin, ears and what the action units bulge. Axes are x right, y down, z to the
camera.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .action_units import INDEX
from .identity import Identity, View

GRID, EXTENT = 128, 2.0
SCALE = (GRID - 1) / (2 * EXTENT)
MAX_RADIUS = 1.25
_NEIGHBOURS = np.ones((3, 3), np.uint8)
LEVELS = ((4, 12), (2, 8), (1, 3))


@lru_cache(maxsize=1)
def _axis() -> np.ndarray:
    return np.linspace(-EXTENT, EXTENT, GRID, dtype=np.float32)


def directions(uv: np.ndarray) -> np.ndarray:
    """Unit directions of surface coordinates.

    Args:
        uv: Surface coordinates, shape ``(..., 2)``, at most 2 from the origin.

    Returns:
        np.ndarray: Directions, shape ``(..., 3)``.
    """
    square = np.minimum((uv**2).sum(-1, keepdims=True), 3.999)
    return np.concatenate([uv * np.sqrt(1 - square / 4), 1 - square / 2], axis=-1)


@lru_cache(maxsize=1)
def _direction_planes() -> np.ndarray:
    u, v = np.meshgrid(_axis(), _axis())
    planes = directions(np.stack([u, v], -1)).transpose(2, 0, 1)
    return np.ascontiguousarray(planes, np.float32)


@lru_cache(maxsize=1)
def _squared_directions() -> np.ndarray:
    return (_direction_planes() ** 2).reshape(3, -1).T.copy()


def sample_map(values: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear look-up of a grid map at surface coordinates ``(N, 2)``."""
    pixels = ((np.asarray(uv, np.float32) + EXTENT) * SCALE).reshape(1, -1, 2)
    return cv2.remap(
        values, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).reshape(-1)


def _bumps(who: Identity, units: np.ndarray) -> np.ndarray:
    """Gaussian bumps, rows of amplitude, centre u, v and widths u, v; float32 (K, 5)."""
    s = who.shape
    mean = units.mean(1)
    jaw, frown, wrinkle = mean[INDEX[26]], mean[INDEX[4]], mean[INDEX[9]]
    nose, width = 1 + 0.18 * s[0], 1 + 0.12 * s[1]
    rows: list[tuple[float, ...]] = [
        (0.030 * nose, 0, -0.22, 0.060, 0.090),
        (0.040 * nose, 0, -0.11, 0.062, 0.085),
        (0.062 * nose, 0, 0.00, 0.068, 0.085),
        (0.090 * nose, 0, 0.10, 0.078 * width, 0.085),
        (0.115 * nose, 0, 0.19, 0.088 * width, 0.070),
        (0.035, 0, 0.49 + 0.08 * jaw, 0.17, 0.085),
        (0.085 * (1 + 0.3 * s[2]), 0, 0.88 + 0.13 * jaw, 0.17, 0.11),
        (0.06 * jaw, 0, 0.95, 0.4, 0.3),
        (-0.50, 0, 1.70 + 0.08 * jaw, 1.3, 0.33),
        (0.02 * frown, 0, -0.30, 0.10, 0.05),
        (0.03, 0, -0.60, 0.4, 0.2),
    ]
    for side, sign in enumerate((-1, 1)):
        smile = units[INDEX[12], side]
        cheek = max(units[INDEX[6], side], 0.8 * smile)
        rows += [
            (0.045 * width, sign * 0.115 * width, 0.235 - 0.03 * wrinkle, 0.045, 0.05),
            (-0.075, sign * 0.31, -0.17, 0.13, 0.085),
            (0.035, sign * 0.335, -0.165, 0.085, 0.055),
            (0.030 * (1 + 0.3 * s[3]), sign * 0.25, -0.34 + 0.03 * frown, 0.20, 0.06),
            (0.030 * (1 + 0.4 * s[4]), sign * 0.46, 0.10, 0.17, 0.13),
            (0.055 * cheek, sign * 0.40, 0.17 - 0.03 * cheek, 0.12, 0.085),
            (-0.025 * cheek, sign * 0.30, 0.38, 0.04, 0.10),
            (0.020 * wrinkle, sign * 0.15, 0.10, 0.04, 0.06),
            (-0.07 + 0.035 * s[5], sign * 0.80, 0.85, 0.30, 0.28),
            (-0.03, sign * 0.80, -0.40, 0.20, 0.25),
            (0.09, sign * 1.40, 0.02, 0.06, 0.14),
            (0.04 * s[6], sign * 0.50, 0.45, 0.20, 0.2),
        ]
    return np.array(rows, np.float32)


def radius_map(who: Identity, units: np.ndarray, padding: np.ndarray | None = None) -> np.ndarray:
    """Radius of the head over the grid of surface coordinates.

    Args:
        who: The person.
        units: Strengths of the action units, ``(A, 2)``.
        padding: Thickness of the hair over the grid, float32 ``(128, 128)``.

    Returns:
        np.ndarray: float32 ``(128, 128)``, head units.
    """
    rows = _bumps(who, units)
    axis = _axis()
    across = np.exp(-0.5 * ((axis - rows[:, 1:2]) / rows[:, 3:4]) ** 2)
    down = np.exp(-0.5 * ((axis - rows[:, 2:3]) / rows[:, 4:5]) ** 2)
    inverse = _squared_directions() @ (1 / np.asarray(who.axes, np.float32) ** 2)
    radius = 1 / np.sqrt(inverse.reshape(GRID, GRID))
    radius += (down * rows[:, :1]).T @ across
    if padding is not None:
        radius += padding
    return radius


def normal_map(radius: np.ndarray) -> np.ndarray:
    """Outward unit normals in head axes, float32 ``(3, 128, 128)``."""
    surface = cv2.merge([radius * plane for plane in _direction_planes()])
    ax, ay, az = cv2.split(cv2.Sobel(surface, cv2.CV_32F, 1, 0, ksize=3))
    bx, by, bz = cv2.split(cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=3))
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    normal /= cv2.magnitude(cv2.magnitude(normal[0], normal[1]), normal[2]) + 1e-9
    return normal


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation from head to camera axes; angles in degrees, see :class:`View` for the signs."""
    y, p, r = np.deg2rad([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return tilt @ nod @ turn


@dataclass(frozen=True)
class Camera:
    """Perspective camera on the z axis, looking at the centre of the head.

    Attributes:
        rotation: Rotation from head to camera axes, (3, 3).
        distance: Distance from the centre of the head, head units.
        focal: Focal length in pixels.
        centre: Image point of the optical axis in pixels, (2,).
    """

    rotation: np.ndarray
    distance: float
    focal: float
    centre: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project head points ``(N, 3)`` to pixels ``(N, 2)`` and ray lengths along z ``(N,)``."""
        turned = points @ self.rotation.T
        depth = self.distance - turned[:, 2]
        return self.centre + self.focal * turned[:, :2] / depth[:, None], depth

    def rays(self, size: int, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Origin ``(3,)`` and directions ``(3, size, size)`` of pixels ``step`` apart."""
        pixel = (np.arange(size) + 0.5) * step - 0.5
        x = (pixel - self.centre[0]) / self.focal
        y = (pixel - self.centre[1]) / self.focal
        inverse = self.rotation.T
        rays = (
            inverse[:, 0, None, None] * x[None, None, :]
            + inverse[:, 1, None, None] * y[None, :, None]
            - inverse[:, 2, None, None]
        )
        return (inverse[:, 2] * self.distance).astype(np.float32), rays.astype(np.float32)


FACE_OUTLINE = np.array(
    [[0, -0.62], [-0.45, -0.55], [0.45, -0.55], [-0.78, -0.2], [0.78, -0.2], [-0.80, 0.2],
     [0.80, 0.2], [-0.55, 0.72], [0.55, 0.72], [0, 1.0], [0, 0.2]]
)  # fmt: skip


def frame_face(radius: np.ndarray, view: View, size: int) -> tuple[Camera, np.ndarray]:
    """Place the camera as a face detector crops: the face's box fills the square.

    Args:
        radius: Radius map of the head.
        view: Pose and crop.
        size: Side of the image in pixels.

    Returns:
        tuple: The camera, and the face's box ``(4,)`` in pixels (x1, y1, x2, y2).
    """
    turn = rotation(view.yaw, view.pitch, view.roll)
    outline = directions(FACE_OUTLINE) * sample_map(radius, FACE_OUTLINE)[:, None]
    plain = Camera(turn, view.distance, 1.0, np.zeros(2))
    points, _ = plain.project(outline)
    low, high = points.min(0), points.max(0)
    focal = float(0.93 * view.zoom * size / (high - low).max())
    middle = (low + high) / 2
    centre = size * (0.5 + np.asarray(view.shift)) - 0.5 - focal * middle
    box = np.concatenate([low * focal + centre, high * focal + centre])
    return Camera(turn, view.distance, focal, centre), box


@dataclass(frozen=True)
class Trace:
    """What each pixel sees.

    Attributes:
        u, v: Surface coordinates, float32 (S, S).
        depth: Ray length along z, float32 (S, S).
        cover: Share of the pixel that the head covers, float32 (S, S), 0 to 1.
    """

    u: np.ndarray
    v: np.ndarray
    depth: np.ndarray
    cover: np.ndarray


def _march(
    radius: np.ndarray, origin: np.ndarray, rays: np.ndarray, depth: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Move along the rays to the surface.

    Returns:
        tuple: Grid pixels x and y of the last point, the depth with the smallest gap to the
        surface, and that gap. A ray that misses the head has its gap at the closest approach.
    """
    best = np.full_like(depth, np.inf)
    closest = depth
    for _ in range(steps):
        x = rays[0] * depth
        x += origin[0]
        y = rays[1] * depth
        y += origin[1]
        z = rays[2] * depth
        z += origin[2]
        gap = cv2.magnitude(cv2.magnitude(x, y), z)
        z += gap
        z *= gap
        z += 1e-5
        scale = np.sqrt(2 * SCALE * SCALE / z)
        x *= scale
        x += EXTENT * SCALE
        y *= scale
        y += EXTENT * SCALE
        gap -= cv2.remap(radius, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        closest = np.where(gap < best, depth, closest)
        np.minimum(best, gap, out=best)
        depth = depth + gap
    return x, y, closest, best


def trace_head(radius: np.ndarray, camera: Camera, size: int) -> Trace:
    """Find the surface point behind every pixel, from coarse to fine.

    Pixels inside an area that a coarser level hit count as hit: between the nose and the far cheek
    the few steps of the finest level may not suffice.

    Args:
        radius: Radius map of the head.
        camera: The camera.
        size: Side of the image in pixels.
    """
    depth = np.full((1, 1), camera.distance - MAX_RADIUS, np.float32)
    gap = np.full((1, 1), 9.0, np.float32)
    for factor, steps in LEVELS:
        cells = max(size // factor, 16)
        depth = cv2.resize(depth, (cells, cells), interpolation=cv2.INTER_LINEAR)
        inner = cv2.resize(cv2.dilate(gap, _NEIGHBOURS), (cells, cells))
        origin, rays = camera.rays(cells, size / cells)
        x, y, depth, gap = _march(radius, origin, rays, depth, steps)
        np.minimum(gap, inner, out=gap)
    pixel = camera.distance / camera.focal
    cover = np.clip(0.5 + (1.0 * pixel - gap) / pixel, 0, 1)
    return Trace(x / SCALE - EXTENT, y / SCALE - EXTENT, depth, cover)
