"""Cropping: dtype, and shrinking without aliasing."""

from __future__ import annotations

import pytest
import torch
from torchvision.ops import roi_align

from ranfer.utils import cropping
from ranfer.utils.cropping import crop_regions


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_runs_in_at_least_float32(dtype):
    images = torch.ones(1, 3, 8, 8, dtype=dtype)
    with torch.autocast('cpu', torch.bfloat16):
        crops = crop_regions(images, torch.tensor([[0, 1, 1, 7, 7]]), 4)
    assert crops.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(crops, torch.ones_like(crops))


def test_shrinking_averages_the_pixels_of_a_bin():
    """A checkerboard shrunk by four is grey; sampling single pixels would give stripes."""
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 1.0
    crops = crop_regions(board[None, None], torch.tensor([[0.0, 0, 0, 32, 32]]), (8, 8))
    torch.testing.assert_close(crops, torch.full((1, 1, 8, 8), 0.5))


@pytest.mark.parametrize('size', [6, (6, 4)])
def test_without_gradients_the_operator_is_called_itself(monkeypatch, size):
    """With deterministic algorithms torchvision's function computes in Python on GPUs."""
    images, rois = torch.rand(2, 3, 9, 9), torch.tensor([[1, 0.5, 1, 7, 8], [0, 0, 0, 9, 9]])
    expected = roi_align(images, rois, size, aligned=True)
    assert torch.equal(crop_regions(images.clone().requires_grad_(), rois, size), expected)
    monkeypatch.setattr(cropping, 'roi_align', None)
    assert torch.equal(crop_regions(images, rois, size), expected)
