"""Paint skin, hair and features into a texture over the surface coordinates of the head."""

from functools import lru_cache

import cv2
import numpy as np

from .canvas import Canvas, ellipse
from .features import Crease, Eye, Features, Mouth, smooth
from .head import EXTENT, GRID, SCALE
from .identity import Identity

REACH = 1.6
"""The texture covers surface coordinates from -REACH to REACH."""

HAIRLINE = np.array(
    [[-1.02, 0.10], [-0.98, -0.15], [-0.88, -0.36], [-0.72, -0.54], [-0.45, -0.68], [0, -0.73],
     [0.45, -0.68], [0.72, -0.54], [0.88, -0.36], [0.98, -0.15], [1.02, 0.10]]
)  # fmt: skip


def texture_scale(size: int) -> float:
    """Texture pixels a surface unit."""
    return (size - 1) / (2 * REACH)


def hair_outline(who: Identity, rng: np.random.Generator) -> np.ndarray | None:
    """Closed outline of the hair in surface coordinates, or None for a bald head."""
    if who.hair_style == 'none':
        return None
    line = HAIRLINE * (1, 1 + 0.06 * who.shape[15])
    if who.hair_style == 'fringe':
        middle = np.abs(line[:, 0]) < 0.8
        line = line + np.where(middle, 0.19, 0.0)[:, None] * (0, 1)
    line = smooth(line + rng.normal(0, 0.015, line.shape), 33)
    if who.hair_style == 'long':
        ends = np.array([[1.0, 0.7], [1.05, 1.7], [2.5, 1.7], [2.5, -2.5]])
    else:
        ends = np.array([[1.15, 0.12], [1.22, -0.2], [1.35, -0.2], [1.5, 0.5], [2.5, 0.8],
                         [2.5, -2.5]])  # fmt: skip
    return np.concatenate([line, ends, ends[::-1] * (-1, 1)])


def hair_padding(outline: np.ndarray | None) -> np.ndarray | None:
    """Thickness of the hair over the head's grid, float32 ``(128, 128)``, head units."""
    if outline is None:
        return None
    cover = np.zeros((GRID, GRID), np.uint8)
    Canvas(cover, SCALE, (EXTENT * SCALE, EXTENT * SCALE)).fill(outline, 255)
    return cv2.GaussianBlur(cover, (5, 5), 1.2).astype(np.float32) * (0.07 / 255)


def paint_head(
    who: Identity,
    features: Features,
    hair: np.ndarray | None,
    size: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a head.

    Args:
        who: The person.
        features: Curves of the face.
        hair: Outline of the hair.
        size: Side of the texture in pixels.
        rng: Source of hair strands and skin variation.

    Returns:
        tuple: Colours, uint8 ``(size, size, 3)``, and darkness of furrows, uint8 ``(size, size)``.
    """
    scale = texture_scale(size)
    origin = (REACH * scale, REACH * scale)
    canvas = Canvas(np.empty((size, size, 3), np.uint8), scale, origin)
    _paint_skin(canvas, who, rng)
    if who.beard:
        _paint_beard(canvas, who, features.mouth)
    _paint_nose(canvas, who)
    _paint_mouth(canvas, who, features.mouth)
    for eye in features.eyes:
        _paint_eye(canvas, who, eye)
    for brow in features.brows:
        canvas.fill(brow, who.hair * 0.75 + who.skin * 0.10)
    if hair is not None:
        _paint_hair(canvas, who, hair, rng)
    furrows = Canvas(np.zeros((size, size), np.uint8), scale, origin)
    _paint_creases(furrows, features.creases)
    return canvas.image, furrows.image


def _paint_skin(canvas: Canvas, who: Identity, rng: np.random.Generator) -> None:
    size = canvas.image.shape[0]
    tone = _skin_tone() * (1 + rng.normal(0, 0.014, (40, 40, 1)))
    skin = cv2.convertScaleAbs(tone * who.skin)
    cv2.resize(skin, (size, size), dst=canvas.image, interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=1)
def _skin_tone() -> np.ndarray:
    """Factors of the skin colour, (40, 40, 3): red cheeks and dark eye sockets."""
    u, v = np.meshgrid(np.linspace(-REACH, REACH, 40), np.linspace(-REACH, REACH, 40))
    tone = np.ones((40, 40, 3))
    for centre, radii, factor in (
        ((0.42, 0.18), (0.17, 0.13), (0.88, 0.90, 1.02)),
        ((0.32, -0.20), (0.13, 0.09), (0.90, 0.88, 0.91)),
    ):
        for sign in (-1, 1):
            far = ((u - sign * centre[0]) / radii[0]) ** 2 + ((v - centre[1]) / radii[1]) ** 2
            tone *= 1 + np.exp(-0.5 * far)[..., None] * (np.array(factor) - 1)
    return tone


def _paint_beard(canvas: Canvas, who: Identity, mouth: Mouth) -> None:
    drop = 0.13 * mouth.drop
    left, right = mouth.upper[0], mouth.upper[-1]
    cheeks = [
        [-0.86, 0.15], [-0.70, 0.42], [left[0] - 0.08, left[1]], [left[0], left[1] - 0.10],
        [-0.10, 0.355], [0.10, 0.355], [right[0], right[1] - 0.10], [right[0] + 0.08, right[1]],
        [0.70, 0.42], [0.86, 0.15], [0.95, 0.7], [0.5, 1.15 + drop], [-0.5, 1.15 + drop],
        [-0.95, 0.7],
    ]  # fmt: skip
    outline = np.array(cheeks, float)
    part = canvas.crop(outline, 0.1)
    part.blend(who.hair.astype(np.float32), who.beard * part.mask(outline, 0.035))


def _paint_nose(canvas: Canvas, who: Identity) -> None:
    width = 1 + 0.12 * who.shape[1]
    for sign in (-1, 1):
        centre = np.array([sign * 0.062 * width, 0.268])
        canvas.fill(ellipse(centre, (0.036, 0.019), 12), who.skin * 0.30)
        wing = np.array([[0.125, 0.17], [0.165, 0.215], [0.155, 0.262], [0.115, 0.275]])
        canvas.line(smooth(wing * (sign * width, 1)), who.skin * 0.72, 0.014)


def _paint_eye(canvas: Canvas, who: Identity, eye: Eye) -> None:
    outline = np.concatenate([eye.upper, eye.lower[::-1]])
    part = canvas.crop(outline, 0.02)
    ball = part.copy()
    ball.image[:] = np.clip(
        np.array([226, 230, 234]) * (0.62 + 0.38 * who.skin.max() / 255), 0, 255
    )
    ball.disc(eye.iris, eye.radius, who.iris * 0.55)
    ball.disc(eye.iris, eye.radius * 0.82, who.iris)
    ball.disc(eye.iris, eye.radius * 0.45, 12)
    ball.line(eye.upper + np.array([0, 0.012]), (105, 110, 118), 0.020)
    ball.disc(eye.iris - np.array([0.020, 0.022]), 0.014, 250)
    part.blend(ball.image, part.mask(outline))
    canvas.line(eye.lower[2:-2], who.skin * (0.50, 0.48, 0.60), 0.012)
    canvas.line(eye.upper, who.skin * 0.12 + 8, 0.028)


def _paint_mouth(canvas: Canvas, who: Identity, mouth: Mouth) -> None:
    inner = np.concatenate([mouth.upper, mouth.lower[::-1]])
    lips = np.concatenate([mouth.top, mouth.bottom[::-1]])
    upper_lip = np.concatenate([mouth.top, mouth.upper[::-1]])
    part = canvas.crop(lips, 0.03)
    lip_mask = part.mask(lips, 0.006)
    part.blend(who.lips.astype(np.float32), lip_mask)
    part.blend((who.lips * 0.86).astype(np.float32), 0.9 * part.mask(upper_lip, 0.006))
    opening = float((mouth.lower - mouth.upper)[:, 1].max())
    if opening > 0.012:
        cave = part.copy()
        cave.image[:] = np.array([22, 18, 42])
        if opening > 0.12:
            tongue = mouth.lower[10] - (0, 0.01)
            cave.fill(ellipse(tongue, (0.12, 0.07 * opening / 0.15)), np.array([72, 68, 140]))
        _paint_teeth(cave, mouth, opening)
        part.blend(cave.image, part.mask(inner))
    middle = (mouth.upper + mouth.lower) / 2
    dark = who.skin * (0.20, 0.18, 0.28)
    if opening <= 0.012:
        canvas.line(middle, dark, 0.017)
    else:
        canvas.line(mouth.upper, dark, 0.010)
        canvas.line(mouth.lower, who.lips * 0.6, 0.008)


def _paint_teeth(cave: Canvas, mouth: Mouth, opening: float) -> None:
    ivory = np.array([205, 222, 228])
    reach = min(0.075 - 0.035 * mouth.drop, (0.75 - 0.35 * mouth.drop) * opening)
    edge = mouth.upper + np.array([0, reach])
    cave.fill(np.concatenate([mouth.upper - (0, 0.02), edge[::-1]]), ivory)
    if mouth.drop < 0.35:
        start = mouth.lower - (0, min(0.05, 0.35 * opening))
        cave.fill(np.concatenate([start, mouth.lower[::-1] + np.array([0, 0.02])]), ivory * 0.90)
    cave.line(np.stack([mouth.upper[4:17:2], edge[4:17:2]], 1), ivory * 0.82, 0.004)


def _paint_hair(
    canvas: Canvas, who: Identity, outline: np.ndarray, rng: np.random.Generator
) -> None:
    canvas.fill(outline, who.hair)
    tones = (0.7, 0.9, 1.15, 1.4)
    angle = rng.uniform(-np.pi, np.pi, (len(tones), 7, 1))
    begin = np.stack([0.3 * np.sin(angle), -1.15 + 0.25 * np.cos(angle)], -1)
    away = np.stack([np.sin(angle), 0.25 - 0.4 * np.cos(angle)], -1)
    strands = begin + away * np.array([[0.0], [0.3], [0.6]]) + ((0, 0), (0, 0.03), (0, 0.14))
    limit = -0.78 + 0.35 * strands[..., 0] ** 2
    strands[..., 1] = np.minimum(strands[..., 1], limit)
    for tone, curves in zip(tones, strands):
        canvas.line(curves, who.hair * tone, 0.025)


def _paint_creases(canvas: Canvas, creases: tuple[Crease, ...]) -> None:
    for crease in creases:
        canvas.line(smooth(crease.points, 7), 255 * crease.strength, crease.width)
    canvas.image[:] = cv2.GaussianBlur(canvas.image, (5, 5), 1.0)
