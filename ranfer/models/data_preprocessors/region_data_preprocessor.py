"""From a batch of images and boxes to a batch of crops on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.models.utils import ClsDataPreprocessor
from torch import Tensor
from torchvision.transforms.functional import pad

from ranfer.registry import MODELS
from ranfer.utils.cropping import crop_regions


@MODELS.register_module()
class RegionDataPreprocessor(ClsDataPreprocessor):
    """MMPretrain's ``ClsDataPreprocessor`` that cuts the regions of all faces in one call.

    Images go to the device once, are normalised once and pass the batch augmentations (Mixup,
    CutMix, ...) as whole faces; then the boxes in ``data_samples`` are cut and resized together.
    Only existing regions are cut, so a varying number of them costs no padding and leaves batch
    statistics clean. A batch without gaps has no mask, which spares a GPU the steps that a mask
    takes.

    Ready crops ``(N, R, 3, h, w)`` from ``RegionCropTransform(crop_size=...)`` pass as they are.

    Args:
        crop_size: Side of a crop in pixels. Defaults to 224 as in the paper.
        crop: If False, leave the cutting to the model, as :class:`SharedRegionBackbone` needs it:
            the whole images are resized to ``crop_size`` and ``rois`` ``(M, 5)`` float (image
            index, xyxy) go along in their pixels. Defaults to True.
        num_regions: Use only the first so many regions of every sample; 1 is the whole face alone,
            the plain baseline. Defaults to None, all.
        with_mask: Whether the model hears which regions exist. Set False for MMPretrain's own
            ``ImageClassifier``, which takes no mask and no sets. Defaults to True.
        **kwargs: Keys of ``ClsDataPreprocessor``: ``mean``, ``std``, ``to_rgb``, ``num_classes``,
            ``batch_augments``, ...

    Raises:
        ValueError: At call time, if samples lack ``regions`` or are not as many as the images, a
            sample has no region or one that is not finite, or regions are missing without a mask.

    Example:
        >>> data_preprocessor = dict(
        ...     type='ranfer.RegionDataPreprocessor', crop_size=224, num_classes=7, to_rgb=True,
        ...     mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    """

    def __init__(
        self,
        crop_size: int = 224,
        crop: bool = True,
        num_regions: int | None = None,
        with_mask: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if crop_size < 1:
            raise ValueError(f'RegionDataPreprocessor.crop_size must be positive, got {crop_size}.')
        self.crop_size = crop_size
        if num_regions is not None and num_regions < 1:
            raise ValueError(
                f'RegionDataPreprocessor.num_regions must be at least 1, got {num_regions}.'
            )
        self.crop = crop
        self.num_regions = num_regions
        self.with_mask = with_mask

    @torch.compiler.disable  # NumPy and lists of samples; the graph begins with the model
    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs``, images ``(N, 3, H, W)`` or a list of ``(3, H, W)``, uint8, or ready
                crops ``(N, R, 3, h, w)``; ``data_samples``, each with ``regions`` ``(R, 4)`` and
                ``region_mask`` ``(R,)``.
            training: Whether batch augmentations apply. Defaults to False.

        Returns:
            dict: ``inputs``, crops ``(N, R, 3, crop_size, crop_size)`` float32, or, if regions are
            missing, ``(M, 3, crop_size, crop_size)`` of the existing ones, sample by sample, and
            ``region_mask`` ``(N, R)`` bool; ``data_samples``. Without ``with_mask``, crops
            ``(N * R, 3, crop_size, crop_size)``. Without ``crop``, whole images
            ``(N, 3, crop_size, crop_size)``, ``rois`` and ``region_mask`` or ``num_regions``.
        """
        boxes, mask = collate_regions(data.get('data_samples'), self.num_regions)
        if len(boxes) != len(data['inputs']):  # whose boxes would be cut from other memory
            raise ValueError(
                f'A batch has {len(data["inputs"])} images, but {len(boxes)} samples; collate one '
                f'sample an image.'
            )
        complete = mask.all()
        if not self.with_mask and not complete:
            raise ValueError(
                'A region is missing in this batch, but RegionDataPreprocessor.with_mask is False; '
                'use ranfer.RANClassifier for a varying number of regions.'
            )
        sizes = np.array([image.shape[-2:] for image in data['inputs']], dtype=np.float32)
        if not isinstance(data['inputs'], Tensor):
            data = dict(data, inputs=_stack_images(data['inputs']))
        ready = data['inputs'].dim() == 5
        if ready:
            crops = data['inputs'][:, : self.num_regions]
            data = dict(data, inputs=self._existing(crops, mask, training))
        batch = super().forward(data, training)
        if not ready:
            rois = self.cast_data(torch.from_numpy(_to_rois(boxes, mask)))
            if self.crop:
                batch['inputs'] = crop_regions(batch['inputs'], rois, self.crop_size)
            else:
                batch['inputs'], batch['rois'] = _resize(
                    batch['inputs'], rois, sizes, self.crop_size
                )
        if not complete:
            batch['region_mask'] = self.cast_data(torch.from_numpy(mask))
        elif self.with_mask and 'rois' in batch:
            batch['num_regions'] = mask.shape[1]
        elif self.with_mask:
            batch['inputs'] = batch['inputs'].unflatten(0, mask.shape)
        return batch

    def _existing(self, crops: Tensor, mask: np.ndarray, training: bool) -> Tensor:
        if crops.shape[:2] != mask.shape:
            raise ValueError(
                f'Ready crops of shape {tuple(crops.shape)} do not fit the {mask.shape} regions of '
                f'the samples; make both with the same RegionCropTransform.'
            )
        if training and self.batch_augments is not None:
            raise ValueError(
                'batch_augments mix whole faces and cannot work on ready crops; drop crop_size '
                'from RegionCropTransform so that the crops are cut on the device.'
            )
        return crops.flatten(0, 1) if mask.all() else crops[torch.from_numpy(mask)]


def collate_regions(
    data_samples: list | None, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Bring the regions of a batch into arrays, padded to the largest number of regions.

    Args:
        data_samples: Samples with ``regions`` and ``region_mask``.
        limit: Use only the first so many regions of every sample. Defaults to None, all.

    Returns:
        tuple: Boxes ``(N, R, 4)`` float32 and mask ``(N, R)`` bool.

    Raises:
        ValueError: If samples lack ``regions``, or one has no region or one that is not finite.
    """
    if not data_samples or 'regions' not in data_samples[0]:
        raise ValueError(
            'The samples carry no regions; put ranfer.RegionCropTransform and '
            'ranfer.PackRegionInputs at the end of the pipeline.'
        )
    regions = [sample.regions[:limit] for sample in data_samples]
    count = max(map(len, regions))
    boxes = np.zeros((len(data_samples), count, 4), dtype=np.float32)
    mask = np.zeros((len(data_samples), count), dtype=bool)
    for i, sample in enumerate(data_samples):
        boxes[i, : len(regions[i])] = regions[i]
        mask[i, : len(regions[i])] = sample.region_mask[:limit]
    if not mask.any(axis=1).all():
        raise ValueError(
            f'Sample {int(np.argmin(mask.any(axis=1)))} of the batch has no region at all; its '
            f'region_mask must be True at least once.'
        )
    places = np.isfinite(boxes).all(axis=2) | ~mask
    if not places.all():
        raise ValueError(
            f'Sample {int(np.argmin(places.all(axis=1)))} of the batch has a box that is no place; '
            f'regions must be finite numbers where region_mask is True.'
        )
    return boxes, mask


def _stack_images(images: Sequence[Tensor]) -> Tensor:
    """Stack images of different size, repeating the border pixels of smaller ones."""
    height = max(image.size(-2) for image in images)
    width = max(image.size(-1) for image in images)
    return torch.stack(
        [
            pad(image, [0, 0, width - image.size(-1), height - image.size(-2)], padding_mode='edge')
            for image in images
        ]
    )


def _to_rois(boxes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Existing boxes of a batch as ``(M, 5)``: image index, xyxy."""
    return np.concatenate([np.nonzero(mask)[0][:, None].astype(np.float32), boxes[mask]], axis=1)


def _resize(images: Tensor, rois: Tensor, sizes: np.ndarray, side: int) -> tuple[Tensor, Tensor]:
    """Resize whole images to a square and move the boxes along.

    Args:
        images: ``(N, C, H, W)``, padded on the right and at the bottom if their sizes differ.
        rois: ``(M, 5)``: image index, xyxy in pixels of ``images``.
        sizes: ``(N, 2)`` float32: height and width without padding.
        side: Side of the square in pixels.

    Returns:
        tuple: ``(N, C, side, side)``, and boxes ``(M, 5)`` in its pixels.
    """
    corners = np.pad(sizes[:, ::-1], ((0, 0), (3, 0)))
    corners[:, 0] = np.arange(len(sizes))
    whole = torch.from_numpy(corners).to(rois)
    factors = side / whole[:, [3, 4, 3, 4]]
    boxes = rois[:, 1:] * factors[rois[:, 0].long()]
    return crop_regions(images, whole, side), torch.cat([rois[:, :1], boxes], dim=1)
