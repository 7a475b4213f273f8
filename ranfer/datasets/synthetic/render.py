"""Render a face and its ground truth from a specification."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .action_units import CLASSES, sample_action_units
from .canvas import Canvas, spread
from .features import face_features
from .head import (
    EXTENT,
    SCALE,
    Camera,
    Trace,
    directions,
    frame_face,
    normal_map,
    radius_map,
    sample_map,
    trace_head,
)
from .identity import Identity, View, sample_identity, sample_view
from .occluders import Occluder, Scene, cover
from .texture import REACH, hair_outline, hair_padding, paint_head, texture_scale

TEXTURE_SIDE = 1.75
"""Side of the texture relative to the side of the image."""

TO_EDGE = 0.5
"""From pixels counted by the centre of the first one, as the camera counts, to the edge."""


@dataclass(frozen=True)
class SynthFace:
    """Everything that decides a picture.

    Attributes:
        expression: Name of the expression, one of ``CLASSES``.
        action_units: Strengths, float32 ``(A, 2)``, 0 to 1, rows as in ``ACTION_UNITS``,
            columns image left and image right.
        gaze: Offset of the irises in surface units, (2,).
        identity: The person.
        view: Camera, light and picture quality.
        occluders: What lies over the face, in drawing order.
    """

    expression: str
    action_units: np.ndarray
    gaze: np.ndarray
    identity: Identity
    view: View
    occluders: tuple[Occluder, ...] = ()


@dataclass(frozen=True)
class FaceTruth:
    """Ground truth of a rendered face.

    Attributes:
        label: Index of the expression in ``CLASSES``.
        action_units: Strengths, float32 ``(A, 2)``.
        keypoints: Left eye, right eye, nose tip, left and right mouth corner, float32 ``(5, 2)``,
            in pixels from the image's edge; left is image left.
        keypoints_visible: 1 where a keypoint is in the image, faces the camera, and is hidden
            neither by the head itself nor by an occluder; uint8 ``(5,)``.
        yaw, pitch, roll: Head pose in degrees.
        face_box: Box of the face in pixels (x1, y1, x2, y2), float32 ``(4,)``.
        occluder_mask: Pixels that occluders hide, bool ``(S, S)``.
        opaque_mask: Those that occluders other than plain glasses hide, bool ``(S, S)``.
    """

    label: int
    action_units: np.ndarray
    keypoints: np.ndarray
    keypoints_visible: np.ndarray
    yaw: float
    pitch: float
    roll: float
    face_box: np.ndarray
    occluder_mask: np.ndarray = field(repr=False)
    opaque_mask: np.ndarray = field(repr=False)

    @property
    def occluder_box(self) -> list[int] | None:
        """Box of what the opaque occluder hides, or else the glasses, xyxy; None if nothing."""
        mask = self.opaque_mask if self.opaque_mask.any() else self.occluder_mask
        rows, columns = mask.any(1), mask.any(0)
        if not rows.any():
            return None
        y, x = np.flatnonzero(rows), np.flatnonzero(columns)
        return [int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1]


def sample_face(
    rng: np.random.Generator,
    expression: str | None = None,
    *,
    identity: Identity | None = None,
    intensity: float | None = None,
    yaw: float | None = None,
    occluders: tuple[Occluder, ...] = (),
) -> SynthFace:
    """Draw a face at random; what is given is kept.

    Args:
        rng: Source of randomness.
        expression: One of ``CLASSES``. Defaults to any, equally likely.
        identity: The person. Defaults to a new one.
        intensity: Strength of the expression, 0 to 1. Defaults to a draw from weak to strong.
        yaw: Yaw in degrees. Defaults to a normal draw.
        occluders: What lies over the face.
    """
    index = int(rng.integers(len(CLASSES)))
    name = CLASSES[index] if expression is None else expression
    units = sample_action_units(name, rng, intensity)
    gaze = rng.normal(0, (0.012, 0.006))
    person = sample_identity(rng) if identity is None else identity
    view = sample_view(rng, yaw)
    return SynthFace(name, units, gaze, person, view, occluders)


def render_face(face: SynthFace, size: int = 128) -> tuple[np.ndarray, FaceTruth]:
    """Render a face.

    Args:
        face: What to draw.
        size: Side of the image in pixels, at least 32.

    Returns:
        tuple: Image, uint8 ``(size, size, 3)`` BGR, and its ground truth.

    Raises:
        ValueError: If ``size`` is below 32.
    """
    if size < 32:
        raise ValueError(f'size={size} is too small for a face: use at least 32 pixels.')
    who, view = face.identity, face.view
    rng = np.random.default_rng(view.seed)
    features = face_features(who, face.action_units, np.asarray(face.gaze))
    hair = hair_outline(who, rng)
    radius = radius_map(who, face.action_units, hair_padding(hair))
    camera, box = frame_face(radius, view, size)
    trace = trace_head(radius, camera, size)
    texture, furrows = paint_head(who, features, hair, round(TEXTURE_SIDE * size), rng)
    skin = _shade(texture, furrows, radius, trace, camera, view)
    image = _background(size, camera, who, view, rng)
    image = cv2.blendLinear(skin, image, trace.cover, 1 - trace.cover)

    scene = Scene(radius, camera, trace, box, who, size)
    image, hidden, opaque = cover(image, face.occluders, scene)
    keypoints, seen = _landmarks(features.landmarks, radius, camera, trace, hidden)
    truth = FaceTruth(
        label=CLASSES.index(face.expression),
        action_units=face.action_units,
        keypoints=keypoints,
        keypoints_visible=seen,
        yaw=view.yaw,
        pitch=view.pitch,
        roll=view.roll,
        face_box=(box + TO_EDGE).astype(np.float32),
        occluder_mask=hidden,
        opaque_mask=opaque,
    )
    return _develop(image, view, rng), truth


def _shade(
    texture: np.ndarray,
    furrows: np.ndarray,
    radius: np.ndarray,
    trace: Trace,
    camera: Camera,
    view: View,
) -> np.ndarray:
    """Colours of the head as the camera sees it, float32 ``(S, S, 3)``."""
    nx, ny, nz = normal_map(radius)
    half = view.light + np.array([0, 0, 1])
    lx, ly, lz = (camera.rotation.T @ view.light).tolist()
    hx, hy, hz = (camera.rotation.T @ (half / np.linalg.norm(half))).tolist()
    direct = np.maximum(0.85 * (nx * lx + ny * ly + nz * lz) + 0.15, 0)
    lit = view.ambient + (1.18 - view.ambient) * direct
    gloss = np.maximum(nx * hx + ny * hy + nz * hz, 0)
    for _ in range(4):
        gloss *= gloss
    x, y = (trace.u + EXTENT) * SCALE, (trace.v + EXTENT) * SCALE
    both = cv2.remap(
        cv2.merge([lit, gloss]), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    scale = texture_scale(texture.shape[0])
    x, y = (trace.u + REACH) * scale, (trace.v + REACH) * scale
    colour = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    dark = cv2.remap(furrows, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lit, gloss = cv2.split(both)
    lit *= 1 - dark * np.float32(0.52 / 255)
    shaded = cv2.multiply(colour, spread(lit), dtype=cv2.CV_32F)
    shaded += spread(28 * gloss)
    return shaded


def _background(
    size: int, camera: Camera, who: Identity, view: View, rng: np.random.Generator
) -> np.ndarray:
    """Background, back hair, neck and clothes, float32 ``(S, S, 3)``."""
    cells = rng.uniform(20, 235) + rng.normal(0, 22, 3) + rng.normal(0, 26, (5, 5, 1))
    cells = cells + rng.normal(0, 12, (5, 5, 3))
    cells = np.clip(cells, 0, 255).astype(np.uint8)
    image = cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC)
    plan = Canvas(image)
    dim = 0.5 * (1 + view.ambient)

    def project(points: ArrayLike) -> np.ndarray:
        return camera.project(np.asarray(points, float))[0]

    if who.hair_style == 'long':
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.stack([0.98 * np.sin(angle), 0.15 - 1.15 * np.cos(angle), -0.25 + 0 * angle], 1)
        plan.fill(project(ring), who.hair * 0.7)
    neck = [[-0.42, 0.4, -0.1], [0.42, 0.4, -0.1], [0.48, 2.2, -0.3], [-0.48, 2.2, -0.3]]
    plan.fill(project(neck), who.skin * 0.5 * dim)
    shirt = [[-0.5, 1.5, -0.2], [0, 1.68, 0.1], [0.5, 1.5, -0.2], [1.8, 1.9, -0.3], [2, 3, -0.3],
             [-2, 3, -0.3], [-1.8, 1.9, -0.3]]  # fmt: skip
    plan.fill(project(shirt), who.cloth * dim)
    return image.astype(np.float32)


def _landmarks(
    uv: np.ndarray, radius: np.ndarray, camera: Camera, trace: Trace, hidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places ``(5, 2)`` from the image's edge and visibility ``(5,)`` of the landmarks."""
    points = directions(uv) * sample_map(radius, uv)[:, None]
    pixels, depth = camera.project(points)
    size = trace.depth.shape[0]
    column, row = np.rint(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < size) & (row < size)
    column, row = np.clip(column, 0, size - 1), np.clip(row, 0, size - 1)
    near = depth - trace.depth[row, column] < 0.06
    seen = inside & near & ~hidden[row, column]
    return (pixels + TO_EDGE).astype(np.float32), seen.astype(np.uint8)


def _develop(image: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """Exposure, tint, blur, noise and compression; uint8 ``(S, S, 3)``."""
    size = image.shape[0]
    gain = view.tint * view.exposure * view.contrast
    image = cv2.multiply(image, (*gain.tolist(), 0.0))
    if view.blur * size > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), view.blur * size)
    lift = rng.standard_normal((size, size), np.float32)
    lift *= np.float32(view.noise)
    lift += np.float32(118 * (1 - view.contrast))
    image += spread(lift)
    image = cv2.convertScaleAbs(np.maximum(image, 0, out=image))
    if view.jpeg:
        _, code = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, view.jpeg])
        image = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return image
