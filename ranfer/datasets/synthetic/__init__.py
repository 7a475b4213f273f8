"""Synthetic faces drawn from action units on a 3-D head."""

from dataclasses import replace

import numpy as np

from .action_units import ACTION_UNITS, CLASSES, EMFACS, action_unit_array, sample_action_units
from .identity import Identity, View, sample_identity, sample_view
from .occluders import OCCLUDERS, OPAQUE, Occluder, sample_occluder
from .render import FaceTruth, SynthFace, render_face, sample_face

__all__ = [
    'ACTION_UNITS',
    'CLASSES',
    'EMFACS',
    'OCCLUDERS',
    'OPAQUE',
    'FaceTruth',
    'Identity',
    'Occluder',
    'SynthFace',
    'View',
    'action_unit_array',
    'draw',
    'render_face',
    'sample_action_units',
    'sample_face',
    'sample_identity',
    'sample_occluder',
    'sample_view',
]


def draw(
    expression: str | None = None,
    seed: int = 0,
    size: int = 128,
    *,
    yaw: float | None = None,
    intensity: float | None = None,
    occluder: str | None = None,
    half: str | None = None,
) -> tuple[np.ndarray, FaceTruth]:
    """Draw one example face.

    Args:
        expression: One of ``CLASSES``. Defaults to any.
        seed: Seed of everything that is not given.
        size: Side of the image in pixels.
        yaw: Yaw in degrees. Defaults to a draw.
        intensity: Strength of the expression, 0 to 1. Defaults to a draw.
        occluder: Key of ``OCCLUDERS``. Defaults to none, or any if ``half`` is given.
        half: Half of the face to hide. Defaults to any that suits the occluder.

    Returns:
        tuple: Image, uint8 ``(size, size, 3)`` BGR, and its ground truth.

    Raises:
        ValueError: If a name is unknown or ``size`` is below 32.

    Example:
        >>> image, truth = draw('happiness', seed=3, size=256, yaw=0, occluder='glasses')
    """
    rng = np.random.default_rng(seed)
    face = sample_face(rng, expression, intensity=intensity, yaw=yaw)
    if occluder is not None or half is not None:
        face = replace(face, occluders=(sample_occluder(rng, occluder, half),))
    return render_face(face, size)
