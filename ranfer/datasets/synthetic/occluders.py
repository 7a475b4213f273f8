"""Things that lie over a face: glasses, sunglasses, masks, hands, hair and blocks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .canvas import Canvas, ellipse, spread
from .features import smooth
from .head import Camera, Trace, directions, sample_map
from .identity import Identity
from .texture import REACH, texture_scale

OCCLUDERS: dict[str, tuple[str, ...]] = {
    'glasses': ('upper',),
    'sunglasses': ('upper',),
    'mask': ('lower',),
    'hand': ('left', 'right', 'upper', 'lower'),
    'hair': ('left', 'right', 'upper'),
    'block': ('left', 'right', 'upper', 'lower'),
}
"""Kinds of occluders and the halves of the face each can hide (left is image left)."""

OPAQUE = tuple(kind for kind in OCCLUDERS if kind != 'glasses')
"""Kinds that hide the face; plain glasses hide what their frame covers only."""


@dataclass(frozen=True)
class Occluder:
    """Something that lies over the face.

    Attributes:
        kind: A key of :data:`OCCLUDERS`.
        half: Half of the face it hides: 'left', 'right' (in the image), 'upper' or 'lower'.
        seed: Seed of its form and colours.

    Raises:
        ValueError: If kind and half do not go together.
    """

    kind: str
    half: str
    seed: int = 0

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        if self.half not in OCCLUDERS[self.kind]:
            raise ValueError(
                f'half={self.half!r} does not suit the occluder {self.kind!r}: '
                f'use one of {OCCLUDERS[self.kind]}.'
            )


def _check_kind(kind: str) -> None:
    if kind not in OCCLUDERS:
        raise ValueError(f'occluder={kind!r} is unknown: use one of {tuple(OCCLUDERS)}.')


@dataclass(frozen=True)
class Scene:
    """What an occluder needs to know of the rendered head."""

    radius: np.ndarray
    camera: Camera
    trace: Trace
    box: np.ndarray
    who: Identity
    size: int

    def surface(self, uv: np.ndarray, lift: float = 0.0) -> np.ndarray:
        """Pixels ``(N, 2)`` of surface coordinates, ``lift`` head units above the skin."""
        uv = np.asarray(uv, float)
        points = directions(uv) * (sample_map(self.radius, uv)[:, None] + lift)
        return self.camera.project(points)[0]

    def plane(self, points: np.ndarray) -> np.ndarray:
        """Pixels ``(N, 2)`` of face coordinates ``(N, 2)``: see :meth:`axes`."""
        centre, across, down = self.axes()
        return centre + points[:, :1] * across + points[:, 1:] * down

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Image frame of the face: middle, and vectors to its right and lower border.

        The middle lies between the eyes and the mouth on the nose's line, so that 'left' and
        'right' mean the halves of the face also when it is turned.
        """
        turn = np.deg2rad(self.roll)
        across = np.array([np.cos(turn), np.sin(turn)])
        down = np.array([-np.sin(turn), np.cos(turn)])
        half_width, half_height = (self.box[2:] - self.box[:2]) / 2
        middle = self.surface(np.array([[0, 0.14]]))[0]
        return middle, across * half_width, down * half_height

    @property
    def unit(self) -> float:
        """Mean length in pixels of the two vectors of :meth:`axes`."""
        _, across, down = self.axes()
        return float(np.hypot(*across) + np.hypot(*down)) / 2

    def paint(self, uv: np.ndarray) -> np.ndarray:
        """Image mask, uint8 ``(S, S)``, of an outline painted on the head's surface."""
        side = 2 * self.size
        scale = texture_scale(side)
        plan = Canvas(np.zeros((side, side), np.uint8), scale, (REACH * scale,) * 2)
        plan.fill(uv, 255)
        x, y = (self.trace.u + REACH) * scale, (self.trace.v + REACH) * scale
        seen = cv2.remap(plan.image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return (seen * self.trace.cover).astype(np.uint8)

    @property
    def roll(self) -> float:
        """In-plane angle of the head in degrees."""
        down = self.camera.rotation @ (0, 1, 0)
        return float(np.rad2deg(np.arctan2(-down[0], down[1])))


def sample_occluder(rng: Generator, kind: str | None = None, half: str | None = None) -> Occluder:
    """Draw an opaque occluder; every half of the face is equally likely.

    Args:
        rng: Source of randomness.
        kind: Key of :data:`OCCLUDERS`. Defaults to any opaque kind that suits the half.
        half: Half of the face. Defaults to any that suits the kind.

    Raises:
        ValueError: If a name is unknown, or kind and half do not go together.
    """
    if kind is not None:
        _check_kind(kind)
    halves = ('left', 'right', 'upper', 'lower') if kind is None else OCCLUDERS[kind]
    chosen = halves[rng.integers(len(halves))] if half is None else half
    kinds = [name for name in OPAQUE if chosen in OCCLUDERS[name]]
    if not kinds:
        raise ValueError(f'half={half!r} is unknown: use one of {halves}.')
    picked = kinds[rng.integers(len(kinds))] if kind is None else kind
    return Occluder(picked, chosen, int(rng.integers(1 << 31)))


def cover(
    image: np.ndarray, occluders: tuple[Occluder, ...], scene: Scene
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw occluders over a float32 image.

    Returns:
        tuple: Image, float32 ``(S, S, 3)``, the hidden pixels, bool ``(S, S)``, and those hidden by
        opaque occluders, bool ``(S, S)``.
    """
    hidden, opaque = np.zeros((2, scene.size, scene.size), bool)
    for occluder in occluders:
        rng = np.random.default_rng(occluder.seed)
        layer = Canvas(np.clip(image, 0, 255).astype(np.uint8))
        alpha = Canvas(np.zeros((scene.size, scene.size), np.uint8))
        _DRAW[occluder.kind](layer, alpha, occluder.half, scene, rng)
        weight = alpha.image.astype(np.float32) / 255
        image = image + (layer.image - image) * spread(weight)
        covered = alpha.image > 127
        hidden |= covered
        if occluder.kind in OPAQUE:
            opaque |= covered
    return image, hidden, opaque


def _draw_block(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """A board, plain, striped or rough."""
    edge = rng.uniform(-0.12, 0.05)
    far, wide = rng.uniform(1.0, 1.6), rng.uniform(0.85, 1.4)
    corners = np.array([[-wide, edge], [wide, edge], [wide, -far], [-wide, -far]])
    corners += rng.normal(0, 0.05, corners.shape)
    outline = scene.plane(_orient(corners, half))
    size = scene.size
    style = rng.integers(3)
    colour = rng.uniform(10, 245, 3)
    if style == 0:
        layer.image[:] = colour
    elif style == 1:
        rough = np.clip(colour + rng.normal(0, 45, (9, 9, 3)), 0, 255).astype(np.uint8)
        layer.image[:] = cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC)
    else:
        layer.image[:] = colour
        other = rng.uniform(10, 245, 3)
        slope = rng.uniform(-0.5, 0.5) * size
        for x in np.arange(-0.5, 1.5, rng.uniform(0.12, 0.3)) * size:
            layer.line(np.array([[x, 0], [x + slope, size]]), other, 0.05 * size)
    alpha.fill(outline, 255)


def _orient(upper: np.ndarray, half: str) -> np.ndarray:
    """Turn face coordinates drawn for the upper half to another half."""
    x, y = upper.T
    turned = {'upper': (x, y), 'lower': (x, -y), 'left': (y, x), 'right': (-y, x)}[half]
    return np.stack(turned, 1)


def _draw_hand(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """A palm with four fingers, coming from outside the face."""
    skin = scene.who.skin * rng.uniform(0.8, 0.95)
    unit = scene.unit
    shift = rng.uniform(-0.08, 0.08)
    slant = rng.uniform(-0.15, 0.15)
    palm = ellipse((shift + slant, -1.25), (0.88, 0.62), 24)
    arm = np.array([[shift + slant, -1.4], [shift + 2 * slant, -3.0]])
    for canvas, colour in ((alpha, 255), (layer, skin)):
        canvas.fill(scene.plane(_orient(palm, half)), colour)
        canvas.line(scene.plane(_orient(arm, half)), colour, 1.2 * unit)
    thick = 0.40
    tips = rng.uniform(-0.05, 0.10) + np.array([-0.12, 0.02, 0.0, -0.10])
    for index, tip in enumerate(tips):
        x = shift + (index - 1.5) * 0.42
        ends = np.array([[x + slant, -1.15], [x + slant / 2, -0.55], [x, tip - thick / 2]])
        path = scene.plane(_orient(ends, half))
        alpha.line(path, 255, thick * unit)
        layer.line(path, skin * 0.68, thick * unit)
        layer.line(path, skin * (0.98 + 0.02 * index), 0.82 * thick * unit)
        nail = scene.plane(_orient(ends[-1:] + np.array([0, 0.06]), half))[0]
        layer.disc(nail, 0.10 * unit, skin * (1.02, 1.02, 1.08) + 12)


def _draw_hair(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """Strands that hang over one half or down over forehead and eyes."""
    hair = scene.who.hair if scene.who.hair_style != 'none' else np.array([35.0, 45, 60])
    unit = scene.unit
    if half == 'upper':
        roots = np.linspace(-1.1, 1.1, 20)
        ends = rng.uniform(-0.16, 0.06, 20)
        paths = [
            np.array([[0.8 * x, -1.3], [x, -0.75], [x + rng.normal(0, 0.04), end]])
            for x, end in zip(roots, ends)
        ]
    else:
        sign = -1 if half == 'left' else 1
        places = np.linspace(0.0, 1.15, 14)
        paths = [
            np.array([[0.15 * x * sign, -1.3], [(x + 0.02) * sign, -0.45],
                      [(x + rng.normal(0, 0.03)) * sign, rng.uniform(0.85, 1.4)]])
            for x in places
        ]  # fmt: skip
    for path in paths:
        curve = scene.plane(smooth(path, 9))
        layer.line(curve, hair * rng.uniform(0.75, 1.35), 0.15 * unit)
        alpha.line(curve, 255, 0.15 * unit)


def _draw_mask(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """A surgical or cloth mask from the nose's bridge to below the chin."""
    colours = np.array([[215, 190, 150], [240, 240, 240], [40, 40, 42], [170, 150, 190]])
    colour = colours[rng.integers(len(colours))] * rng.uniform(0.85, 1.0)
    top = rng.uniform(-0.02, 0.06)
    line = np.array([[-0.95, 0.16], [-0.5, 0.13], [-0.17, top + 0.03], [0, top], [0.17, top + 0.03],
                     [0.5, 0.13], [0.95, 0.16]])  # fmt: skip
    low = np.array([[0.92, 0.55], [0.6, 0.95], [0, 1.12], [-0.6, 0.95], [-0.92, 0.55]])
    outline = np.concatenate([smooth(line, 25), smooth(low, 17)])
    alpha.image[:] = scene.paint(outline)
    shade = np.linspace(1.05, 0.75, scene.size)[:, None, None]
    layer.image[:] = np.clip(shade * colour, 0, 255).astype(np.uint8)
    for level in (0.30, 0.50, 0.70):
        fold = smooth(np.array([[-0.7, level], [0, level + 0.04], [0.7, level]]), 13)
        layer.line(scene.surface(fold, 0.03), colour * 0.72, 0.012 * scene.size)


def _lens(side: int) -> np.ndarray:
    """Outline ``(24, 3)`` of a lens in head axes."""
    sign = (-1, 1)[side]
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    bulge = np.abs(np.cos(angle)) ** 0.7 * np.sign(np.cos(angle))
    rise = np.abs(np.sin(angle)) ** 0.7 * np.sign(np.sin(angle))
    x = sign * 0.315 + 0.235 * bulge
    y = -0.13 + 0.165 * rise
    return np.stack([x, y, 1.02 - 0.38 * x**2], 1)


def _draw_glasses(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """Frames without tint."""
    colour = rng.uniform(10, 70, 3)
    _draw_frame(layer, alpha, scene, colour, rng.uniform(0.02, 0.045))


def _draw_sunglasses(layer: Canvas, alpha: Canvas, half: str, scene: Scene, rng: Generator) -> None:
    """Frames with dark lenses."""
    colour = rng.uniform(5, 45, 3)
    for side in (0, 1):
        lens = scene.camera.project(_lens(side))[0]
        alpha.fill(lens, 255)
        layer.fill(lens, colour)
        shine = scene.camera.project(_lens(side) * (1, 0.5, 1) - (0, 0.10, 0))[0]
        layer.line(shine[14:20], colour + 60, 0.012 * scene.size)
    _draw_frame(layer, alpha, scene, colour * 0.7, 0.04)


def _draw_frame(
    layer: Canvas, alpha: Canvas, scene: Scene, colour: np.ndarray, width: float
) -> None:
    thick = width * scene.camera.focal / scene.camera.distance
    curves = [_lens(0)[np.r_[0:24, 0]], _lens(1)[np.r_[0:24, 0]]]
    curves.append(np.array([[-0.09, -0.17, 1.0], [0, -0.19, 1.02], [0.09, -0.17, 1.0]]))
    turn = scene.camera.rotation @ (0, 0, 1)
    for sign in (-1, 1):
        if sign * turn[0] < 0.15:
            curves.append(np.array([[sign * 0.55, -0.18, 0.9], [sign * 0.80, -0.15, 0.1]]))
    for curve in curves:
        path = scene.camera.project(curve)[0]
        alpha.line(path, 255, thick)
        layer.line(path, colour, thick)


_DRAW = {
    'glasses': _draw_glasses,
    'sunglasses': _draw_sunglasses,
    'mask': _draw_mask,
    'hand': _draw_hand,
    'hair': _draw_hair,
    'block': _draw_block,
}
