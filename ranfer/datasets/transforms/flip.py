"""Horizontal flip that keeps the meaning of the five landmarks."""

import numpy as np
from mmcv.transforms import RandomFlip

from ranfer.landmarks.points import SWAP
from ranfer.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomFaceFlip(RandomFlip):
    """:class:`mmcv.transforms.RandomFlip` that also exchanges left and right landmarks.

    The parent mirrors the coordinates but leaves the order, so that the first point would be the
    right eye after a flip.

    Args:
        prob: Probability of a horizontal flip. Defaults to 0.5.

    Example:
        >>> dict(type='ranfer.RandomFaceFlip', prob=0.5)
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob=prob, direction='horizontal')

    def _flip_keypoints(
        self, keypoints: np.ndarray, img_shape: tuple[int, int], direction: str
    ) -> np.ndarray:
        return super()._flip_keypoints(keypoints, img_shape, direction)[..., SWAP, :]
