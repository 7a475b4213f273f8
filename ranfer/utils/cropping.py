"""One call that cuts all regions of all images."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import roi_align


def crop_regions(images: Tensor, rois: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Cut and resize boxes of a batch of images.

    Every output pixel is the mean of a grid of bilinear samples in its bin, about one a source
    pixel, so shrinking does not alias. Runs in at least float32.

    Args:
        images: ``(N, C, H, W)``, floating point.
        rois: ``(M, 5)`` float: image index, then xyxy in pixels.
        size: Height and width of a crop in pixels, or one number for both.

    Returns:
        Tensor: Crops ``(M, C, h, w)``, dtype of ``images`` (float32 for half precision).
    """
    if images.dtype in (torch.float16, torch.bfloat16):
        images = images.float()
    with torch.autocast(images.device.type, enabled=False):
        return roi_align(images, rois.to(images.dtype), size, aligned=True)
