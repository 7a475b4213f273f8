"""Pooling by matrix product against torchvision's operator."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align

from ranfer.utils.region_pooling import pool_regions


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    size=st.integers(1, 6),
)
def test_equals_roi_align(seed, height, width, size):
    torch.manual_seed(seed)
    features = torch.randn(3, 2, height, width, dtype=torch.float64, requires_grad=True)
    corners = torch.rand(4, 2, 2, dtype=torch.float64).sort(dim=1).values * 1.4 - 0.2
    boxes = (corners * torch.tensor([width, height])).flatten(1)
    rois = torch.cat([torch.tensor([[0.0], [2], [2], [1]]).double(), boxes], dim=1)
    ours = pool_regions(features, rois, size)
    theirs = roi_align(features, rois, size, sampling_ratio=2, aligned=True)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    gradient = [torch.autograd.grad((x * weights).sum(), features)[0] for x in (ours, theirs)]
    torch.testing.assert_close(*gradient)


def has_product(dtype: torch.dtype) -> bool:
    try:
        torch.bmm(*torch.ones(2, 1, 1, 1, dtype=dtype))
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_keeps_dtype_and_is_channels_last(dtype):
    if not has_product(dtype):
        pytest.skip(f'PyTorch {torch.__version__} has no matrix product of {dtype} on a CPU')
    rois = torch.tensor([[0.0, 0, 0, 8, 8]])
    out = pool_regions(torch.ones(1, 5, 8, 8, dtype=dtype), rois, 4)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.all(out == 1)
