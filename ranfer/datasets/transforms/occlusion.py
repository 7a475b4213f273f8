"""Synthetic occlusion of faces: glasses, mask, hand or block."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import ArrayLike

from ranfer.datasets.synthetic.canvas import ONE, Canvas, ellipse
from ranfer.landmarks.align import move_points, similarity_transform
from ranfer.registry import TRANSFORMS

KINDS = ('glasses', 'mask', 'hand', 'block')
HALVES = ('left', 'right', 'upper', 'lower')
_SKIN = ((125, 160, 215), (95, 130, 190), (60, 90, 150), (35, 55, 95))
_CLOTH = ((230, 230, 230), (200, 150, 90), (40, 40, 40), (150, 190, 120))
_FACE = np.array([[0.31, 0.40], [0.69, 0.40], [0.5, 0.58], [0.34, 0.76], [0.66, 0.76]])
"""Mean places of the five points in a tight face crop of side 1."""
_OUT = {'left': (-1, 0), 'right': (1, 0), 'upper': (0, -1), 'lower': (0, 1)}


class _FaceCanvas(Canvas):
    """Draws on an image in face coordinates: x and y in [0, 1] over a tight face crop."""

    def __init__(self, image: np.ndarray, matrix: np.ndarray) -> None:
        super().__init__(image, scale=float(np.sqrt(np.linalg.det(matrix[:, :2]))))
        self.matrix = matrix

    def pixels(self, points: ArrayLike) -> np.ndarray:
        """Fixed-point pixels of points ``(N, 2)``, int32."""
        pixels = (move_points(points, self.matrix) - 0.5) * ONE
        return np.rint(np.clip(pixels, -1e6, 1e6)).astype(np.int32)


def _glasses(canvas: _FaceCanvas, rng: np.random.Generator, half: str) -> None:
    """Dark glasses over both eyes, bridge and temples."""
    left, right = _FACE[:2]
    colour = rng.uniform(0, 60, 3)
    radii = rng.uniform(0.13, 0.17), rng.uniform(0.09, 0.13)
    for centre in (left, right):
        canvas.fill(ellipse(centre, radii, 32), colour)
    canvas.line([left, right], colour, 0.03)
    for centre, end in ((left, 0.02), (right, 0.98)):
        canvas.line([centre, (end, centre[1] - 0.02)], colour, 0.03)


def _mask(canvas: _FaceCanvas, rng: np.random.Generator, half: str) -> None:
    """Cloth over nose, mouth and chin with its ear loops."""
    colour = np.array(_CLOTH[rng.integers(len(_CLOTH))]) + rng.uniform(-20, 20, 3)
    top = rng.uniform(0.46, 0.55)
    outline = [(0.5, top), (0.86, top + 0.08), (0.90, 0.84), (0.70, 1.02), (0.5, 1.06)]
    outline += [(1 - x, y) for x, y in outline[-2:0:-1]]
    canvas.fill(outline, colour)
    for height in (0.68, 0.78, 0.88):
        canvas.line([(0.24, height), (0.76, height)], colour * 0.85, 0.01)
    for x, end in ((0.14, 0.0), (0.86, 1.0)):
        canvas.line([(x, top + 0.09), (end, top - 0.06)], colour, 0.02)


def _hand(canvas: _FaceCanvas, rng: np.random.Generator, half: str) -> None:
    """A palm at the border of one half of the face with four fingers across it."""
    colour = np.array(_SKIN[rng.integers(len(_SKIN))]) + rng.uniform(-15, 15, 3)
    out = np.array(_OUT[half])
    side = out[::-1]
    palm = 0.5 + out * rng.uniform(0.36, 0.42) + side * rng.uniform(-0.05, 0.05)
    canvas.fill(ellipse(palm, (0.22, 0.22), 32), colour)
    spread = rng.uniform(0.08, 0.11)
    for finger in range(4):
        offset = (finger - 1.5) * spread
        tip = palm + side * offset * 1.4 - out * rng.uniform(0.36, 0.48)
        canvas.line([palm + side * offset, tip], colour, 0.075)
        canvas.line([palm + side * (offset + spread / 2), tip + side * 0.045], colour * 0.7, 0.01)


def _block(canvas: _FaceCanvas, rng: np.random.Generator, half: str) -> None:
    """A plain rectangle over most of one half of the face."""
    out = np.array(_OUT[half])
    centre = 0.5 + out * rng.uniform(0.20, 0.28)
    radii = np.where(out != 0, rng.uniform(0.18, 0.25), rng.uniform(0.32, 0.48))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    canvas.fill(centre + corners * radii, rng.uniform(0, 255, 3))


_DRAW: dict[str, Callable[[_FaceCanvas, np.random.Generator, str], None]] = {
    'glasses': _glasses,
    'mask': _mask,
    'hand': _hand,
    'block': _block,
}


def occlude(
    image: np.ndarray,
    kind: str,
    half: str,
    rng: np.random.Generator,
    landmarks: np.ndarray | None = None,
) -> np.ndarray:
    """Draw one occluder on a face.

    Args:
        image: Face, uint8, shape ``(H, W, 3)``, BGR; occluders of a grey face are grey.
        kind: One of :data:`KINDS`.
        half: One of :data:`HALVES`, where hand and block lie; glasses and mask have their place.
        rng: Source of the details.
        landmarks: The five points in pixels, shape ``(5, 2)``. Defaults to the mean places in a
            tight face crop.

    Returns:
        np.ndarray: A new image of the same shape.
    """
    height, width = image.shape[:2]
    target = _FACE * (width, height) if landmarks is None else landmarks
    out = np.ascontiguousarray(image).copy()
    _DRAW[kind](_FaceCanvas(out, similarity_transform(_FACE, target)), rng, half)
    if (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all():
        out = cv2.merge([cv2.cvtColor(out, cv2.COLOR_BGR2GRAY)] * 3)
    return out


@TRANSFORMS.register_module()
class RandomOcclusion(BaseTransform):
    """Occlude faces, as an augmentation or to make an occlusion split of any data set.

    Occluded samples get the conditions ``'occlusion'`` and ``'occlusion_<kind>'``, so the metric
    reports them.

    Args:
        kinds: What is drawn, out of glasses, mask, hand and block. Defaults to all.
        halves: Where hand and block lie, out of left, right, upper and lower (as seen in the
            image). Defaults to all.
        prob: Probability that a face is occluded. Defaults to 1.
        seed: Makes the occluder a function of seed and ``sample_idx`` alone, for a fixed test
            split; None draws anew each time. Defaults to None.

    Raises:
        ValueError: If a kind or half is unknown, ``prob`` is not in [0, 1] or ``seed`` is negative.

    Example:
        >>> dict(type='ranfer.RandomOcclusion', kinds=['mask'], seed=0)
    """

    def __init__(
        self,
        kinds: Sequence[str] = KINDS,
        halves: Sequence[str] = HALVES,
        prob: float = 1.0,
        seed: int | None = None,
    ) -> None:
        for key, values, known in (('kinds', kinds, KINDS), ('halves', halves, HALVES)):
            if isinstance(values, str) or not values or not set(values) <= set(known):
                raise ValueError(
                    f'{key}: got {values!r}, expected a list out of {", ".join(known)}; correct it'
                )
        if not 0 <= prob <= 1:
            raise ValueError(f'prob: got {prob}, expected a number in [0, 1]; correct it')
        if seed is not None and seed < 0:
            raise ValueError(f'seed: got {seed}, expected a number from 0 or None; correct it')
        self.kinds = tuple(kinds)
        self.halves = tuple(halves)
        self.prob = prob
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Occlude the face.

        Args:
            results: Has ``img`` (uint8, BGR) and maybe ``gt_keypoints`` (``(1, 5, 3)``), by which
                the occluder is placed if all five are visible and there is no seed; ``sample_idx``
                if there is one.

        Returns:
            dict: ``results`` with the occluded ``img`` and the conditions.
        """
        if self.seed is None:
            rng = np.random.default_rng(np.random.randint(2**31))
        else:
            rng = np.random.default_rng((self.seed, results['sample_idx']))
        if rng.random() >= self.prob:
            return results
        kind = str(rng.choice(self.kinds))
        half = str(rng.choice(self.halves))
        keypoints = results.get('gt_keypoints')
        landmarks = None
        if self.seed is None and keypoints is not None and (keypoints[0, :, 2] > 0).all():
            landmarks = keypoints[0, :, :2]
        results['img'] = occlude(results['img'], kind, half, rng, landmarks)
        known = results.get('conditions', ())
        new = [c for c in ('occlusion', f'occlusion_{kind}') if c not in known]
        results['conditions'] = (*known, *new)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(kinds={self.kinds}, halves={self.halves}, prob={self.prob}, '
            f'seed={self.seed})'
        )
