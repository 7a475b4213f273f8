"""Who is drawn and how the picture is taken: identity, camera, light and picture quality."""

from dataclasses import dataclass

import numpy as np

SKIN_TONES = np.array(
    [  # blue, green, red
        [190, 208, 240],
        [165, 188, 228],
        [140, 168, 215],
        [115, 148, 200],
        [88, 122, 175],
        [66, 95, 145],
        [48, 70, 112],
        [38, 52, 84],
    ],
    np.float32,
)
HAIR_TONES = np.array(
    [[22, 20, 22], [30, 36, 48], [38, 58, 88], [70, 110, 150], [120, 168, 200], [40, 62, 130],
     [150, 152, 155]],
    np.float32,
)  # fmt: skip
IRIS_TONES = np.array([[30, 48, 75], [25, 35, 52], [70, 105, 110], [150, 120, 85]], np.float32)


@dataclass(frozen=True)
class Identity:
    """A person: everything that stays from picture to picture.

    Lengths are in head units (the half height of a head is about 1). Colours are BGR, 0 to 255.

    Attributes:
        axes: Half axes of the head, (3,): width, height, depth.
        shape: Standard normal numbers that deform nose, brows, cheeks, jaw and chin, (16,).
        skin, hair, iris, lips, cloth: Colours, (3,).
        hair_style: 'none', 'short', 'fringe' or 'long'.
        brow: Thickness of the eyebrows, 0.5 to 1.6.
        beard: Strength of the beard, 0 to 1.
        age: Depth of the resting wrinkles, 0 to 1.
    """

    axes: np.ndarray
    shape: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    cloth: np.ndarray
    hair_style: str
    brow: float
    beard: float
    age: float


@dataclass(frozen=True)
class View:
    """How the picture is taken.

    Attributes:
        yaw, pitch, roll: Head pose in degrees. Positive yaw turns the face to the image's right,
            positive pitch up, positive roll clockwise.
        distance: Distance of the camera in head units.
        zoom: Size of the face in the crop relative to a tight box.
        shift: Offset of the crop's centre as a fraction of its side, (2,).
        light: Direction to the light in camera axes (x right, y down, z to the camera), unit (3,).
        ambient: Share of light without a direction, 0 to 1.
        tint: Colour of the light, BGR about 1, (3,).
        exposure, contrast: Brightness factor and contrast factor of the finished picture.
        blur: Standard deviation of the blur as a fraction of the image side.
        noise: Standard deviation of the noise in grey levels.
        jpeg: JPEG quality that the picture went through, or 0 for none.
        seed: Seed of the background, hair strands and noise pattern.
    """

    yaw: float
    pitch: float
    roll: float
    distance: float
    zoom: float
    shift: np.ndarray
    light: np.ndarray
    ambient: float
    tint: np.ndarray
    exposure: float
    contrast: float
    blur: float
    noise: float
    jpeg: int
    seed: int


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draw a person."""
    tone = rng.uniform(0, len(SKIN_TONES) - 1)
    low = int(tone)
    skin = SKIN_TONES[low] + (tone - low) * (SKIN_TONES[min(low + 1, 7)] - SKIN_TONES[low])
    skin = skin * rng.uniform(0.94, 1.06, 3)
    tones = HAIR_TONES if tone < 4 else HAIR_TONES[:2]
    hair = tones[rng.integers(len(tones))] * rng.uniform(0.8, 1.2)
    irises = IRIS_TONES if tone < 4 else IRIS_TONES[:2]
    lips = skin * np.array([0.72, 0.66, 0.92]) * rng.uniform(0.88, 1.05)
    style = ('none', 'short', 'fringe', 'long')[rng.choice(4, p=(0.08, 0.42, 0.15, 0.35))]
    bearded = rng.random() < 0.18 and style != 'long'
    return Identity(
        axes=np.array([0.76, 1.06, 0.95]) * (1 + rng.normal(0, (0.04, 0.03, 0.03))),
        shape=np.clip(rng.normal(0, 1, 16), -2, 2),
        skin=skin,
        hair=hair,
        iris=irises[rng.integers(len(irises))] * rng.uniform(0.8, 1.2),
        lips=lips,
        cloth=rng.uniform(20, 220, 3),
        hair_style=style,
        brow=rng.uniform(0.55, 1.5),
        beard=rng.uniform(0.35, 0.85) if bearded else 0.0,
        age=rng.uniform(0, 1),
    )


def sample_view(rng: np.random.Generator, yaw: float | None = None) -> View:
    """Draw camera, light and picture quality.

    Args:
        rng: Source of randomness.
        yaw: Yaw in degrees. Defaults to a normal draw of deviation 20, cut at +-65.
    """
    drawn = float(np.clip(rng.normal(0, 20), -65, 65))
    side, up = rng.uniform(-1.0, 1.0), rng.uniform(-0.9, 0.25)
    light = np.array([side, up, rng.uniform(0.55, 1.1)])
    return View(
        yaw=drawn if yaw is None else float(yaw),
        pitch=float(np.clip(rng.normal(0, 8), -20, 20)),
        roll=float(np.clip(rng.normal(0, 7), -20, 20)),
        distance=rng.uniform(4.0, 8.0),
        zoom=rng.uniform(0.90, 1.06),
        shift=rng.normal(0, 0.018, 2),
        light=light / np.linalg.norm(light),
        ambient=rng.uniform(0.35, 0.65),
        tint=rng.uniform(0.9, 1.1, 3),
        exposure=rng.uniform(0.75, 1.2),
        contrast=rng.uniform(0.75, 1.15),
        blur=min(rng.exponential(0.003), 0.009) if rng.random() < 0.6 else 0.0,
        noise=rng.uniform(0, 9),
        jpeg=int(rng.integers(30, 90)) if rng.random() < 0.3 else 0,
        seed=int(rng.integers(1 << 31)),
    )
