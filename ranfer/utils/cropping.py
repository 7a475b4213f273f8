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
    rois = rois.to(images.dtype)
    with torch.autocast(images.device.type, enabled=False):
        if images.requires_grad:
            return roi_align(images, rois, size, aligned=True)
        # The operator alone is deterministic; torchvision replaces it by slow Python all the same.
        height, width = (size, size) if isinstance(size, int) else size
        return torch.ops.torchvision.roi_align(images, rois, 1.0, height, width, -1, True)
