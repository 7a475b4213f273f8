"""Curves of brows, eyes, mouth and creases on the head, moved by the action units.

All curves are in surface coordinates (see :mod:`.head`); side 0 is image left, side 1 image right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .action_units import ACTION_UNITS, INDEX
from .identity import Identity

EYE_U, EYE_V, MOUTH_V = 0.330, -0.17, 0.49
BROW_U = np.array([0.110, 0.21, 0.325, 0.44, 0.545])
BROW_V = np.array([-0.325, -0.355, -0.372, -0.360, -0.310])
BROW_WIDTH = np.array([0.030, 0.036, 0.032, 0.024, 0.006])
LID = np.linspace(-1, 1, 15)
LID_ROUND = (1 - np.abs(LID) ** 2.2) ** 0.85
LIP = np.linspace(-1, 1, 21)
LIP_BOW = np.abs(LIP) ** 1.9
LIP_ARCH = np.sqrt(1 - LIP**2)
LIP_FLAT = (1 - LIP**6) * (0.35 + 0.65 * LIP_ARCH)
LIP_PEAK = LIP_ARCH * (0.8 + 0.28 * np.exp(-(((np.abs(LIP) - 0.25) / 0.16) ** 2)))
LIP_PEAK -= 0.10 * np.exp(-((LIP / 0.10) ** 2))

Strengths = dict[int, float]
"""Strength of each action unit, by FACS number."""


@dataclass(frozen=True)
class Eye:
    """One eye: lid curves ``(15, 2)`` from image left to right, iris centre ``(2,)`` and radius."""

    upper: np.ndarray
    lower: np.ndarray
    iris: np.ndarray
    radius: float


@dataclass(frozen=True)
class Mouth:
    """Lip curves ``(21, 2)`` from image left to right, from top to bottom.

    Between ``upper`` and ``lower`` the mouth is open; ``drop`` is the share of the jaw's drop.
    """

    top: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    bottom: np.ndarray
    drop: float


@dataclass(frozen=True)
class Crease:
    """A furrow: points ``(N, 2)``, darkness 0 to 1, width in surface units."""

    points: np.ndarray
    strength: float
    width: float


@dataclass(frozen=True)
class Features:
    """All drawn features of a face.

    Attributes:
        brows: Closed outlines of both eyebrows, (M, 2) each.
        eyes: Both eyes.
        mouth: The mouth.
        creases: Furrows and wrinkles.
        landmarks: Left eye, right eye, nose tip, left and right mouth corner, (5, 2).
    """

    brows: tuple[np.ndarray, np.ndarray]
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    creases: tuple[Crease, ...]
    landmarks: np.ndarray


@lru_cache(maxsize=8)
def _spline_basis(knots: int, samples: int) -> np.ndarray:
    """Catmull-Rom weights ``(samples, knots)`` of an open curve through its knots."""
    basis = np.zeros((samples, knots))
    for row, position in enumerate(np.linspace(0, knots - 1, samples)):
        start = min(int(position), knots - 2)
        t = position - start
        weights = 0.5 * np.array(
            [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
        )
        for offset, weight in zip((-1, 0, 1, 2), weights):
            basis[row, np.clip(start + offset, 0, knots - 1)] += weight
    return basis


def smooth(points: np.ndarray, samples: int = 13) -> np.ndarray:
    """Smooth curve ``(samples, 2)`` through knots ``(N, 2)``."""
    points = np.asarray(points, float)
    return _spline_basis(len(points), samples) @ points


def _brow(who: Identity, unit: Strengths, side: int) -> np.ndarray:
    inner, outer, lower, cheek, wrinkle = (unit[n] for n in (1, 2, 4, 6, 9))
    lift = inner * np.array([0.135, 0.085, 0.02, -0.01, -0.015]) * (1 - 0.15 * lower)
    lift += outer * np.array([0.02, 0.055, 0.10, 0.115, 0.09]) * (1 - 0.5 * lower)
    fall = lower * np.array([0.095, 0.085, 0.06, 0.03, 0.01]) * (1 - 0.75 * min(1, 1.3 * inner))
    fall += wrinkle * np.array([0.06, 0.05, 0.035, 0.02, 0.01]) + 0.012 * cheek
    rest = 0.012 * who.shape[7] + 0.010 * who.shape[8] * np.array([-1, -0.5, 0, 0.5, 1])
    u = BROW_U - (0.04 * lower + 0.02 * wrinkle) * np.array([1, 0.8, 0.5, 0.25, 0.1])
    centre = np.stack([u, BROW_V - lift + fall + rest], 1)
    width = (BROW_WIDTH * who.brow)[:, None] * np.array([[0, 0.62]])
    path = np.concatenate([smooth(centre - width), smooth(centre + width)[::-1]])
    return path * ((-1, 1)[side], 1)


def _eye(who: Identity, unit: Strengths, side: int, gaze: np.ndarray) -> Eye:
    sign = (-1, 1)[side]
    raise_, cheek, tight = (unit[n] for n in (5, 6, 7))
    inner, frown, wrinkle, shut = (unit[n] for n in (1, 4, 9, 43))
    half = 0.146 * (1 + 0.05 * who.shape[9])
    up = 0.068 + 0.006 * who.shape[10] + 0.050 * raise_
    up -= 0.026 * tight + 0.012 * frown + 0.018 * wrinkle + 0.012 * cheek
    down = 0.040 + 0.016 * raise_ - 0.040 * cheek - 0.024 * tight - 0.014 * wrinkle
    up = (1 - shut) * up - shut * 0.03
    droop = 0.022 * inner * (1 - min(1, 1.5 * raise_))
    tilt = (0.010 + 0.008 * who.shape[11]) * LID * sign
    x = sign * EYE_U + half * LID
    outer = np.clip(LID * sign, 0, 1)
    top = EYE_V - up * LID_ROUND - tilt + droop * outer * LID_ROUND
    bottom = EYE_V + down * LID_ROUND - tilt
    bottom = np.maximum(bottom, top + 0.004)
    iris = np.array([sign * EYE_U, EYE_V - 0.012]) + gaze
    return Eye(np.stack([x, top], 1), np.stack([x, bottom], 1), iris, 0.060)


def _mouth(who: Identity, units: np.ndarray, mean: Strengths) -> Mouth:
    smile, sad, stretch = (units[INDEX[n]] for n in (12, 15, 20))
    depress, tight, part, drop, wrinkle = (mean[n] for n in (16, 23, 25, 26, 9))
    wide = 0.262 + 0.012 * who.shape[12]
    corner_u = wide + 0.085 * smile + 0.095 * stretch - 0.010 * sad
    round_ = drop * (1 - np.minimum(1, 1.3 * stretch + smile))
    corner_u -= 0.035 * tight + 0.085 * round_
    corner_v = MOUTH_V - 0.115 * smile + 0.085 * sad + 0.075 * stretch + 0.15 * drop
    corner_v = corner_v + 0.006 * who.shape[13] + 0.015 * depress + 0.020 * tight
    centre_v = MOUTH_V + 0.012 * mean[12] - 0.022 * mean[15] - 0.045 * wrinkle
    centre_v -= 0.010 * drop

    right = (LIP + 1) / 2
    u = -corner_u[0] * (1 - right) + corner_u[1] * right
    ends = corner_v[0] * (1 - right) + corner_v[1] * right
    bow = LIP_BOW ** (1 + 0.8 * drop)
    line = ends * bow + centre_v * (1 - bow)

    thick = (1 + 0.22 * who.shape[14]) * (1 - 0.62 * tight) * (1 - 0.25 * mean[12])
    thick *= 1 - 0.25 * mean[20]
    open_up = 0.012 * part + 0.026 * wrinkle + 0.030 * drop
    open_down = 0.055 * part * (0.5 + mean[12]) + 0.055 * depress + 0.27 * drop**0.75
    shape = LIP_FLAT if mean[20] > 0.15 or mean[12] > 0.3 else LIP_ARCH
    upper = line - open_up * shape
    lower = line + open_down * shape
    top = upper - 0.052 * thick * LIP_PEAK
    bottom = lower + 0.068 * thick * LIP_ARCH * (1 + 0.25 * depress)
    top, upper, lower, bottom = (np.stack([u, v], 1) for v in (top, upper, lower, bottom))
    return Mouth(top, upper, lower, bottom, float(drop))


Candidate = tuple[ArrayLike, float, float]
"""Points ``(N, 2)``, strength and width of a crease, which may be too weak to be drawn."""


def _middle_creases(age: float, mean: Strengths) -> Iterator[Candidate]:
    """Forehead, root of the nose and chin."""
    inner, outer, wrinkle, drop = (mean[n] for n in (1, 2, 9, 26))
    for row in range(3):
        v = -0.50 - 0.085 * row
        whole = np.array(
            [[-0.36, v + 0.03], [-0.18, v], [0, v + 0.008], [0.18, v], [0.36, v + 0.03]]
        )
        whole *= (0.45 if outer < 0.6 * inner else 1.0, 1)
        yield whole, 0.55 * max(inner, outer) + 0.10 * age - 0.05 * row, 0.014
    for row in range(2):
        v = -0.19 + 0.055 * row
        yield [[-0.075, v + 0.01], [0, v - 0.008], [0.075, v + 0.01]], 0.7 * wrinkle, 0.014
    chin = np.array([[-0.13, 0.70], [0, 0.675], [0.13, 0.70]]) + np.array([0, 0.13 * drop])
    yield chin, 0.25 + 0.4 * mean[15] + 0.3 * mean[23], 0.022


def _side_creases(
    age: float, unit: Strengths, mean: Strengths, corner: np.ndarray
) -> Iterator[Candidate]:
    """One half of the face, as at image right; ``corner`` is that of the mouth."""
    inner, frown, wrinkle = (mean[n] for n in (1, 4, 9))
    smile, cheek, tight, sad, stretch, lips = (unit[n] for n in (12, 6, 7, 15, 20, 23))
    yield (
        [[0.055, -0.40], [0.048, -0.33], [0.058, -0.26]],
        0.95 * frown * (1 - 0.4 * inner) + 0.08 * age,
        0.018,
    )
    for row in range(3):
        start = np.array([0.075, -0.10 + 0.055 * row])
        yield start + np.array([[0, 0], [0.04, -0.012], [0.075, -0.015]]), 0.7 * wrinkle, 0.014
    fold = [
        [0.155, 0.20 - 0.05 * wrinkle],
        [0.235 + 0.03 * smile, 0.27 - 0.03 * smile],
        [corner[0] + 0.075, corner[1] - 0.075],
        [corner[0] + 0.095, corner[1] + 0.03],
    ]
    yield fold, 0.12 + 0.28 * age + 0.65 * max(smile, 0.95 * wrinkle) + 0.2 * sad, 0.020
    for row in range(3):
        begin = np.array([0.475, -0.19 + 0.035 * row])
        reach = np.array([0.09, -0.035 + 0.045 * row])
        foot = begin + np.array([[0, 0], reach / 2 + (0, 0.004), reach])
        yield foot, 0.75 * cheek + 0.1 * age, 0.011
    bag = 0.035 * cheek + 0.02 * tight
    yield (
        [[0.19, -0.105], [0.29, -0.070 - bag / 2], [0.43, -0.115 - bag / 2]],
        0.15 + 0.2 * age + 0.55 * max(cheek, tight),
        0.014,
    )
    dimple = corner + np.array([[0.020, -0.035], [0.034, 0.0], [0.020, 0.035]])
    yield dimple, 0.25 + 0.5 * max(smile, stretch, lips), 0.016
    yield corner + np.array([[0.005, 0.01], [0.02, 0.06], [0.01, 0.12]]), 0.75 * sad, 0.018
    for row in range(2):
        u = 0.05 + 0.075 * row
        yield [[u, 0.405], [u + 0.006, 0.44]], 0.55 * lips, 0.012


def _creases(
    who: Identity, sides: tuple[Strengths, Strengths], mean: Strengths, mouth: Mouth
) -> Iterator[Crease]:
    groups = [(_middle_creases(who.age, mean), 1)]
    for unit, sign, corner in zip(sides, (-1, 1), (mouth.upper[0], mouth.upper[-1])):
        groups.append((_side_creases(who.age, unit, mean, corner * (sign, 1)), sign))
    for candidates, sign in groups:
        for points, strength, width in candidates:
            if strength > 0.08:
                yield Crease(np.array(points) * (sign, 1.0), min(float(strength), 1.0), width)


def face_features(who: Identity, units: np.ndarray, gaze: np.ndarray) -> Features:
    """Place all features of a face.

    Args:
        who: The person.
        units: Strengths of the action units, ``(A, 2)``, 0 to 1.
        gaze: Offset of both irises in surface units, ``(2,)``.

    Returns:
        Features: Curves and landmarks in surface coordinates.
    """
    left, right = (dict(zip(ACTION_UNITS, units[:, side].tolist())) for side in (0, 1))
    mean = {unit: (left[unit] + right[unit]) / 2 for unit in ACTION_UNITS}
    mouth = _mouth(who, units, mean)
    landmarks = np.array(
        [[-EYE_U, EYE_V], [EYE_U, EYE_V], [0, 0.19], mouth.upper[0], mouth.upper[-1]]
    )
    return Features(
        brows=(_brow(who, left, 0), _brow(who, right, 1)),
        eyes=(_eye(who, left, 0, gaze), _eye(who, right, 1, gaze)),
        mouth=mouth,
        creases=tuple(_creases(who, (left, right), mean, mouth)),
        landmarks=landmarks,
    )
