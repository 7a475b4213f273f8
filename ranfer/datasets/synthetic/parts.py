"""What SynthFER holds: six parts of faces from one seed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .action_units import CLASSES
from .identity import Identity, sample_identity
from .occluders import Occluder, sample_occluder
from .render import SynthFace, sample_face

IMAGES_PER_IDENTITY = 10
OCCLUSION_RATE, GLASSES_RATE = 0.12, 0.12

PARTS = ('train', 'val', 'test', 'occlusion', 'pose30', 'pose45')
"""Parts of the data set; the last four together are the annotation file ``test.json``."""

SPLITS = {'train': PARTS[:1], 'val': PARTS[1:2], 'test': PARTS[2:]}
"""Annotation files and the parts they hold."""

FORMATS = ('jpg', 'png')


@dataclass(frozen=True)
class Parameters:
    """What decides the data set.

    Attributes:
        train, val, test: Images of the natural mix; ``test`` images carry the condition 'natural'.
        occlusion: Further test images with one half of the face hidden.
        pose30, pose45: Further test images with a yaw beyond 30 and 45 degrees, up to 65.
        size: Side of the images in pixels.
        seed: Seed of everything.
        suffix: 'jpg' or 'png'.

    Raises:
        ValueError: If a number is negative, ``size`` below 32 or the suffix unknown.
    """

    train: int = 6000
    val: int = 600
    test: int = 1000
    occlusion: int = 1000
    pose30: int = 600
    pose45: int = 600
    size: int = 128
    seed: int = 0
    suffix: str = 'jpg'

    def __post_init__(self) -> None:
        for key, least in {**dict.fromkeys((*PARTS, 'seed'), 0), 'size': 32}.items():
            value = getattr(self, key)
            if not isinstance(value, int) or value < least:
                raise ValueError(f'{key}={value!r}: use a whole number of at least {least}.')
        if self.suffix not in FORMATS:
            raise ValueError(f'suffix={self.suffix!r} is unknown: use one of {FORMATS}.')


def sample_part_face(part: str, index: int, seed: int) -> tuple[SynthFace, int]:
    """Specification and identity number of one image of a part.

    Args:
        part: One of :data:`PARTS`.
        index: Number of the image in its part.
        seed: Seed of the data set.

    Returns:
        tuple: The face, and the number of its identity, unique over all parts.
    """
    stream = PARTS.index(part)
    person = index // IMAGES_PER_IDENTITY
    identity = _identity(seed, stream, person)
    rng = np.random.default_rng([seed, stream, 1, index])
    yaw = _sample_yaw(part, rng)
    face = sample_face(
        rng,
        CLASSES[index % len(CLASSES)],
        identity=identity,
        yaw=yaw,
        occluders=_sample_occluders(part, rng),
    )
    return face, stream * 1_000_000 + person


@lru_cache(maxsize=8)
def _identity(seed: int, stream: int, person: int) -> Identity:
    return sample_identity(np.random.default_rng([seed, stream, 0, person]))


def _sample_yaw(part: str, rng: np.random.Generator) -> float | None:
    if part == 'occlusion':
        return float(np.clip(rng.normal(0, 14), -29, 29))
    if part in ('pose30', 'pose45'):
        least = 30.5 if part == 'pose30' else 45.5
        return float(rng.uniform(least, 65) * rng.choice((-1, 1)))
    return None


def _sample_occluders(part: str, rng: np.random.Generator) -> tuple[Occluder, ...]:
    hidden, glasses = rng.random(2)
    occluder = sample_occluder(rng)
    frame = Occluder('glasses', 'upper', int(rng.integers(1 << 31)))
    occluded = part == 'occlusion' or (not part.startswith('pose') and hidden < OCCLUSION_RATE)
    found = []
    if glasses < GLASSES_RATE and not (occluded and occluder.kind == 'sunglasses'):
        found.append(frame)
    if occluded:
        found.append(occluder)
    return tuple(found)
