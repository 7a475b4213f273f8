"""Triton kernels of :mod:`ranfer.models.layers.stem_pool`; imported where they run.

Feature maps are in channels_last, a position has its channels in a row. Taps count the 3 x 3 places
of a window row by row from 0.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024  # values of one program


@triton.jit
def _part(count: tl.constexpr, places: tl.constexpr):
    """The image of this program, and its places among the ``count`` of a pooled map."""
    blocks: tl.constexpr = (count + places - 1) // places
    image = (tl.program_id(0) // blocks).to(tl.int64)
    return image, tl.program_id(0) % blocks * places + tl.arange(0, places)


@triton.jit
def _pool(
    x,
    out,
    taps,
    height: tl.constexpr,
    width: tl.constexpr,
    channels: tl.constexpr,
    places: tl.constexpr,
    channel_block: tl.constexpr,
):
    rows: tl.constexpr = (height + 1) // 2
    columns: tl.constexpr = (width + 1) // 2
    image, place = _part(rows * columns, places)
    row, column = place // columns, place % columns
    channel = tl.arange(0, channel_block)[None, :]
    x += image * height * width * channels
    best = tl.full((places, channel_block), float('-inf'), tl.float32)
    tap = tl.full((places, channel_block), 0, tl.int32)
    for t in tl.static_range(9):
        y, z = 2 * row - 1 + t // 3, 2 * column - 1 + t % 3
        on_map = (place < rows * columns) & (y >= 0) & (y < height) & (z >= 0) & (z < width)
        found = on_map[:, None] & (channel < channels)
        at = (y * width + z)[:, None] * channels + channel
        value = tl.load(x + at, mask=found, other=float('-inf')).to(tl.float32)
        larger = (value > best) | (value != value)
        best = tl.where(larger, value, best)
        tap = tl.where(larger, t, tap)
    at = image * rows * columns * channels + place[:, None] * channels + channel
    there = (place < rows * columns)[:, None] & (channel < channels)
    tl.store(out + at, best.to(out.dtype.element_ty), mask=there)
    tl.store(taps + at, tap.to(tl.int8), mask=there)


@triton.jit
def _window(grad, taps, row, column, rows: tl.constexpr, columns: tl.constexpr, channels, channel):
    """Gradient and tap of a window, or tap -1 outside the map."""
    on_map = ((row < rows) & (column < columns))[:, None] & (channel < channels)
    at = (row * columns + column)[:, None] * channels + channel
    value = tl.load(grad + at, mask=on_map, other=0.0).to(tl.float32)
    return value, tl.load(taps + at, mask=on_map, other=-1).to(tl.int32)


@triton.jit
def _pool_backward(
    grad,
    taps,
    out,
    height: tl.constexpr,
    width: tl.constexpr,
    channels: tl.constexpr,
    places: tl.constexpr,
    channel_block: tl.constexpr,
):
    # one place is a block of 2 x 2 pixels, which four windows look at
    rows: tl.constexpr = (height + 1) // 2
    columns: tl.constexpr = (width + 1) // 2
    image, place = _part(rows * columns, places)
    row, column = place // columns, place % columns
    channel = tl.arange(0, channel_block)[None, :]
    grad += image * rows * columns * channels
    taps += image * rows * columns * channels
    out += image * height * width * channels
    here, t = _window(grad, taps, row, column, rows, columns, channels, channel)
    right, t_right = _window(grad, taps, row, column + 1, rows, columns, channels, channel)
    below, t_below = _window(grad, taps, row + 1, column, rows, columns, channels, channel)
    across, t_across = _window(grad, taps, row + 1, column + 1, rows, columns, channels, channel)
    upper_left = tl.where(t == 4, here, 0.0)
    upper_right = tl.where(t == 5, here, 0.0) + tl.where(t_right == 3, right, 0.0)
    lower_left = tl.where(t == 7, here, 0.0) + tl.where(t_below == 1, below, 0.0)
    lower_right = tl.where(t == 8, here, 0.0) + tl.where(t_right == 6, right, 0.0)
    lower_right += tl.where(t_below == 2, below, 0.0) + tl.where(t_across == 0, across, 0.0)
    at = (2 * row * width + 2 * column)[:, None] * channels + channel
    there = (place < rows * columns)[:, None] & (channel < channels)
    wide = (2 * column + 1 < width)[:, None]
    high = (2 * row + 1 < height)[:, None]
    kind = out.dtype.element_ty
    tl.store(out + at, upper_left.to(kind), mask=there)
    tl.store(out + at + channels, upper_right.to(kind), mask=there & wide)
    at += width * channels
    tl.store(out + at, lower_left.to(kind), mask=there & high)
    tl.store(out + at + channels, lower_right.to(kind), mask=there & high & wide)


def pool(x: Tensor, out: Tensor, taps: Tensor) -> None:
    """Fill ``out`` with the largest values of the windows of ``x`` and ``taps`` with their taps."""
    _launch(_pool, (x, out, taps), x.shape)


def pool_backward(grad: Tensor, taps: Tensor, out: Tensor) -> None:
    """Fill ``out`` with the gradient of the pooled maps, from ``grad`` of the pooled ones."""
    _launch(_pool_backward, (grad, taps, out), out.shape)


def _launch(kernel, tensors: tuple[Tensor, ...], shape: torch.Size) -> None:
    count, channels, height, width = shape
    channel_block = triton.next_power_of_2(channels)
    places = max(BLOCK // channel_block, 1)
    blocks = triton.cdiv(((height + 1) // 2) * ((width + 1) // 2), places)
    if count:
        kernel[(count * blocks,)](*tensors, height, width, channels, places, channel_block)
