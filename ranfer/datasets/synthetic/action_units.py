"""Facial action units: names, EMFACS recipes of seven expressions, and sampled strengths."""

import numpy as np

CLASSES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear')
"""Expressions in label order."""

ACTION_UNITS: dict[int, str] = {
    1: 'inner brow raiser',
    2: 'outer brow raiser',
    4: 'brow lowerer',
    5: 'upper lid raiser',
    6: 'cheek raiser',
    7: 'lid tightener',
    9: 'nose wrinkler',
    12: 'lip corner puller',
    15: 'lip corner depressor',
    16: 'lower lip depressor',
    20: 'lip stretcher',
    23: 'lip tightener',
    25: 'lips part',
    26: 'jaw drop',
    43: 'eyes closed',
}
"""The action units (FACS numbers) that the renderer can draw."""

EMFACS: dict[str, tuple[int, ...]] = {
    'neutral': (),
    'happiness': (6, 12),
    'surprise': (1, 2, 5, 26),
    'sadness': (1, 4, 15),
    'anger': (4, 5, 7, 23),
    'disgust': (9, 15, 16),
    'fear': (1, 2, 4, 5, 20, 26),
}
"""Action units of each expression (Emotional FACS)."""

INDEX = {unit: row for row, unit in enumerate(ACTION_UNITS)}
"""Row of an action unit in a strength array."""

NOISE_RATE, NOISE_STRENGTH = 0.18, 0.22
DROP_RATE = 0.12


def action_unit_array(strengths: dict[int, float]) -> np.ndarray:
    """Strengths by FACS number as the array the renderer takes, equal on both sides of the face.

    Args:
        strengths: FACS number to strength, 0 to 1; units left out are 0.

    Returns:
        np.ndarray: float32 of shape ``(A, 2)``; columns are image left and image right.

    Raises:
        ValueError: If an action unit cannot be drawn.
    """
    units = np.zeros((len(ACTION_UNITS), 2), np.float32)
    for unit, strength in strengths.items():
        if unit not in INDEX:
            raise ValueError(
                f'Action unit {unit!r} cannot be drawn: use one of {tuple(ACTION_UNITS)}.'
            )
        units[INDEX[unit]] = strength
    return units


def recipe(expression: str) -> tuple[int, ...]:
    """Action units of an expression.

    Raises:
        ValueError: If the expression is not one of :data:`CLASSES`.
    """
    if expression not in EMFACS:
        raise ValueError(f'expression={expression!r} is unknown: use one of {CLASSES}.')
    return EMFACS[expression]


def sample_action_units(
    expression: str, rng: np.random.Generator, intensity: float | None = None
) -> np.ndarray:
    """Draw the strengths of all action units for one face.

    The units of the recipe share an intensity and vary about it, sometimes one of them nearly
    misses, the sides differ a little, and other units are present at a low level, as on real faces.

    Args:
        expression: One of :data:`CLASSES`.
        rng: Source of randomness.
        intensity: Common strength, 0 to 1. Defaults to a draw from weak to strong.

    Returns:
        np.ndarray: float32 of shape ``(A, 2)``, 0 to 1; columns are image left and image right.
    """
    active = recipe(expression)
    drawn = rng.uniform(0.35, 1.0)
    level = drawn if intensity is None else intensity
    count = len(ACTION_UNITS)
    strengths = rng.uniform(0, NOISE_STRENGTH, count) * (rng.random(count) < NOISE_RATE)
    spread = rng.uniform(0.7, 1.2, count)
    missed = rng.random() < DROP_RATE
    weak = rng.integers(0, max(len(active), 1))
    for position, unit in enumerate(active):
        factor = 0.25 if missed and position == weak and len(active) > 2 else 1.0
        strengths[INDEX[unit]] = level * spread[INDEX[unit]] * factor
    _add_opening(expression, strengths, level, rng)
    sides = strengths[:, None] * (1 + rng.normal(0, 0.10, (count, 2)))
    return np.clip(sides, 0, 1).astype(np.float32)


def _add_opening(
    expression: str, strengths: np.ndarray, level: float, rng: np.random.Generator
) -> None:
    """Lips part, jaws drop and eyes blink on their own too: add this nuisance in place."""
    part, drop, blink = rng.random(3)
    amount = rng.uniform(0.3, 1.0)
    if expression == 'happiness' and part < 0.65:
        strengths[INDEX[25]] = amount * level
    elif expression in ('disgust', 'anger', 'sadness', 'neutral') and part < 0.2:
        strengths[INDEX[25]] = 0.4 * amount
    if expression == 'happiness' and drop < 0.2:
        strengths[INDEX[26]] = 0.4 * amount
    if blink < 0.03 and expression not in ('surprise', 'fear', 'anger'):
        strengths[INDEX[43]] = rng.uniform(0.5, 1.0)
    else:
        strengths[INDEX[43]] = min(strengths[INDEX[43]], 0.12)
