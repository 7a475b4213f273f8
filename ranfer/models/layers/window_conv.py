"""Convolution by matrix products of what the kernel sees at every position."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ranfer.models.attention import at_least_float32

Pair = tuple[int, int]


def conv2d_by_windows(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, whole: bool = True
) -> Tensor:
    """``torch.nn.functional.conv2d`` that trains faster on small maps and a CPU.

    The windows of the input, what the kernel sees at every position of every image, are the rows of
    a matrix. The gradient with respect to the weight is one product with it, where PyTorch's is
    made for large maps.

    Args:
        x: ``(N, in_channels, H, W)``.
        weight: ``(out_channels, in_channels, kh, kw)`` of the same type.
        bias: ``(out_channels,)`` or None.
        stride: Down and across.
        padding: Zeros above and below, left and right.
        whole: Whether the output and the gradient with respect to ``x`` are such products too, or
            those of PyTorch. Defaults to True.

    Returns:
        Tensor: ``(N, out_channels, h, w)``, differentiable once.
    """
    return _ByWindows.apply(x, weight, bias, stride, padding, whole)


class _ByWindows(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: Pair,
        padding: Pair,
        whole: bool,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.whole = stride, padding, whole
        if not whole:
            return F.conv2d(x, weight, bias, stride, padding)
        windows = _windows(x, weight.shape[2:], stride, padding)
        out = F.linear(windows.flatten(3), _as_matrix(weight), bias)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        windows = _windows(x, weight.shape[2:], ctx.stride, ctx.padding)
        rows = gradient.permute(0, 2, 3, 1).flatten(0, 2)
        of_x, of_weight, of_bias = None, None, None
        if ctx.needs_input_grad[0] and ctx.whole:
            of_windows = (rows @ _as_matrix(weight)).view(windows.shape)
            of_x = _sum_of_windows(of_windows, x.shape[2:], ctx.stride, ctx.padding)
        elif ctx.needs_input_grad[0]:
            of_x = torch.nn.grad.conv2d_input(x.shape, weight, gradient, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_taps = rows.t() @ windows.flatten(3).flatten(0, 2)
            of_weight = of_taps.unflatten(1, windows.shape[3:]).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(dim=0)
        return of_x, of_weight, of_bias, None, None, None


def _as_matrix(weight: Tensor) -> Tensor:
    """One row an output channel, ordered as windows are."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _windows(x: Tensor, kernel_size: Pair, stride: Pair, padding: Pair) -> Tensor:
    """What the kernel sees at every position, ``(N, h, w, kh, kw, C)``, without a copy of each."""
    x = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding[1], padding[1], padding[0], padding[0]))
    x = x.unfold(1, kernel_size[0], stride[0]).unfold(2, kernel_size[1], stride[1])
    return x.permute(0, 1, 2, 4, 5, 3)


def _sum_of_windows(windows: Tensor, size: Pair, stride: Pair, padding: Pair) -> Tensor:
    """The map ``(N, C, H, W)`` of ``size`` whose every position sums what windows have of it.

    Sums are computed in at least float32.
    """
    n, h, w, kh, kw, channels = windows.shape
    (height, width), (down, across), (above, left) = size, stride, padding
    padded = (n, height + 2 * above, width + 2 * left, channels)
    total = at_least_float32(windows.new_zeros(padded))
    for i, j in product(range(kh), range(kw)):
        under_tap = total[:, i : i + h * down : down, j : j + w * across : across]
        under_tap += windows[:, :, :, i, j]
    inside = total[:, above : above + height, left : left + width]
    return inside.to(windows.dtype).permute(0, 3, 1, 2)
