"""From a face image to the boxes of its regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from ranfer.regions import RegionStrategy
from ranfer.registry import REGIONS, TRANSFORMS
from ranfer.utils.cropping import crop_regions


@TRANSFORMS.register_module()
class RegionCropTransform(BaseTransform):
    """Write the region boxes of an image, the whole face first (RAN, section III-B).

    Place it after every geometric augmentation: the boxes refer to the image as it is then, and
    landmarks arrive moved along as MMCV keypoints. The crops themselves are cut on the device by
    :class:`ranfer.models.RegionDataPreprocessor`, unless ``crop_size`` is given.

    Required keys: ``img``, ``gt_keypoints`` (``(1, K, 3)``, only for landmark strategies),
    ``sample_idx`` (only with ``seed``). Added keys: ``regions`` ``(R, 4)`` float32, xyxy in pixels;
    ``region_mask`` ``(R,)`` bool. Modified key: ``img``, only with ``crop_size``.

    Args:
        strategy: Config of a registered region strategy. Defaults to ``dict(type='FixedRegions')``.
        seed: If given, the regions of a sample depend on the seed and the sample index alone: the
            same in every epoch, worker and process, as evaluation needs it. If None, they are drawn
            from NumPy's global generator, which MMEngine seeds in every worker. Defaults to None.
        crop_size: If given, ``img`` becomes the ready crops ``(R, 3, crop_size, crop_size)`` uint8,
            for pipelines of other libraries; a region that does not exist is black. Defaults to
            None.

    Raises:
        ValueError: If ``crop_size`` is not positive, ``seed`` is negative or the strategy returns
            malformed boxes.

    Example:
        >>> train_pipeline = [
        ...     dict(type='ranfer.LoadFaceImage'),
        ...     dict(type='ranfer.RandomFaceFlip', prob=0.5),
        ...     dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions')),
        ...     dict(type='ranfer.PackRegionInputs'),
        ... ]
    """

    def __init__(
        self,
        strategy: dict | RegionStrategy | None = None,
        seed: int | None = None,
        crop_size: int | None = None,
    ) -> None:
        if crop_size is not None and crop_size < 1:
            raise ValueError(f'RegionCropTransform.crop_size must be positive, got {crop_size}.')
        if seed is not None and seed < 0:
            raise ValueError(f'RegionCropTransform.seed must be at least 0 or None, got {seed}.')
        built: Any = strategy
        if not callable(strategy):
            built = REGIONS.build(strategy or dict(type='FixedRegions'))
        self.strategy: RegionStrategy = built
        self.seed = seed
        self.crop_size = crop_size

    def transform(self, results: dict) -> dict:
        """Add ``regions`` and ``region_mask`` to ``results``."""
        height, width = results['img'].shape[:2]
        keypoints = results.get('gt_keypoints')
        landmarks = None if keypoints is None else keypoints[0]
        boxes, mask = self.strategy((height, width), landmarks, self._rng(results))
        boxes, mask = np.asarray(boxes, np.float32), np.asarray(mask, bool)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or mask.shape != boxes.shape[:1]:
            raise ValueError(
                f'{type(self.strategy).__name__} must return boxes (k, 4) and mask (k,), got '
                f'{boxes.shape} and {mask.shape}.'
            )
        face = np.array([[0, 0, width, height]], dtype=np.float32)
        results['regions'] = np.concatenate([face, boxes])
        results['region_mask'] = np.concatenate([[True], mask])
        if self.crop_size is not None:
            results['img'] = _crop(results['img'], results['regions'], self.crop_size)
            results['img'][~results['region_mask']] = 0
        return results

    def _rng(self, results: dict) -> np.random.Generator:
        if self.seed is None:
            return np.random.default_rng(np.random.randint(2**31))
        # The last number tells this stream from that of a RandomOcclusion of the same seed.
        return np.random.default_rng((self.seed, results['sample_idx'], 1))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(strategy={type(self.strategy).__name__}, seed={self.seed}, '
            f'crop_size={self.crop_size})'
        )


def _crop(image: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    image = image if image.ndim == 3 else image[..., None]
    batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float()
    rois = torch.from_numpy(np.pad(boxes, ((0, 0), (1, 0))))
    return crop_regions(batch, rois, size).round().byte().numpy()
