"""Convolution that trains fast on maps of a few positions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ranfer.models.attention import HALF_PRECISION, at_least_float32
from ranfer.models.layers.window_conv import conv2d_by_windows
from ranfer.registry import MODELS
from ranfer.utils.compiling import is_traced

Taps = list[tuple[int, int]]
"""Of one output along an axis: number of the tap, and place in the map under it."""

MAX_POSITIONS = 4
"""Largest output map, in positions: larger ones are no faster by matrix products in float32."""

MAX_POSITIONS_BY_WINDOWS = 16
"""Largest output map that trains faster by windows in bfloat16, whatever batch and width."""

WIDE = 2**20
"""Weights of a kernel that a core's cache does not hold, so that every image reads it anew."""


@MODELS.register_module()
class SmallMapConv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` by matrix products on a CPU, one for each output and tap of small maps.

    The last stages of a ResNet on crops of 64 pixels work on maps of 4 x 4 down to 1 x 1, where
    most taps of a 3 x 3 kernel lie in the padding. A convolution multiplies by those zeros, and its
    gradient with respect to the weight is slow there; the matrix products leave them out. In
    bfloat16 that gradient is slow on maps of up to 4 x 4 too, and where most taps lie on the map,
    one product of :func:`conv2d_by_windows` is faster than many. Same parameters, same numbers up
    to rounding; sums over taps are computed in at least float32. Larger maps, other devices,
    compiled, traced and exported models, groups and dilation take the convolution of PyTorch, and
    so does evaluation without channels_last.

    Arguments are those of ``torch.nn.Conv2d``. It is chosen by MMCV's ``conv_cfg``.

    Example:
        >>> backbone = dict(type='ResNet', depth=18, conv_cfg=dict(type='ranfer.SmallMapConv2d'))
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, out_channels, h, w)`` of ``(N, in_channels, H, W)``."""
        if is_traced(x) or x.device.type != 'cpu' or x.dim() != 4 or not self._is_plain():
            return super().forward(x)
        positions = math.prod(self._outputs(size, axis) for axis, size in enumerate(x.shape[2:]))
        if not 0 < positions <= MAX_POSITIONS_BY_WINDOWS:
            return super().forward(x)
        ready = self.training or self.weight.stride(1) == 1  # channels_last, no copy of the weights
        by_windows = self.training and x.dtype == torch.bfloat16
        few = positions <= MAX_POSITIONS
        if few and ready:
            rows, columns = (self._taps_inside(x.size(2 + axis), axis) for axis in (0, 1))
            if not (by_windows and self._lie_inside(rows, columns)):
                return self._by_products(x, rows, columns)
        if by_windows:
            weight = self.weight.to(x.dtype)
            bias = None if self.bias is None else self.bias.to(x.dtype)
            whole = few or weight.numel() > WIDE
            return conv2d_by_windows(x, weight, bias, self.stride, self.padding, whole)
        return super().forward(x)

    def _lie_inside(self, rows: list[Taps], columns: list[Taps]) -> bool:
        """Whether most taps of all outputs lie on the map, so that few products are spared."""
        inside = sum(map(len, rows)) * sum(map(len, columns))
        return 2 * inside > len(rows) * len(columns) * math.prod(self.kernel_size)

    def _by_products(self, x: Tensor, rows: list[Taps], columns: list[Taps]) -> Tensor:
        """Return the output from a matrix product for each of its positions and taps."""
        down, across = _span(rows), _span(columns)
        height, width = self.kernel_size
        cut = (-across.start, across.stop - width, -down.start, down.stop - height)
        weight = F.pad(self.weight, cut) if any(cut) else self.weight
        weight = weight.to(x.dtype) if x.dtype in HALF_PRECISION else weight
        weight = weight.permute(0, 2, 3, 1)  # as it lies in channels_last, so its gradient fits
        if weight.stride(-1) != 1:  # not channels_last: one copy in place of one for every product
            weight = weight.contiguous()
        taps = dict(zip(product(down, across), weight.flatten(1, 2).unbind(1)))
        pixels = x.permute(2, 3, 0, 1).flatten(0, 1).unbind()
        outputs = [
            self._output((pixels[y * x.size(3) + z], taps[i, j]) for i, y in row for j, z in column)
            for row in rows
            for column in columns
        ]
        out = torch.stack(outputs, dim=1).unflatten(1, (len(rows), len(columns)))
        return out.permute(0, 3, 1, 2)

    def _output(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Return one output position ``(N, out_channels)``; sums of half precision are float32."""
        products = [F.linear(pixel, tap) for pixel, tap in pairs]
        total = sum(at_least_float32(product) for product in products)
        return (total if self.bias is None else total + self.bias).to(products[0].dtype)

    def _is_plain(self) -> bool:
        """Whether there are no groups, gaps or paddings of another kind, or outside the kernel."""
        return (
            self.groups == 1
            and self.dilation == (1, 1)
            and self.padding_mode == 'zeros'
            and not isinstance(self.padding, str)
            and all(padding < size for padding, size in zip(self.padding, self.kernel_size))
        )

    def _outputs(self, size: int, axis: int) -> int:
        """Number of outputs along an axis of so many pixels."""
        padded = size + 2 * self.padding[axis]
        return max(0, (padded - self.kernel_size[axis]) // self.stride[axis] + 1)

    def _taps_inside(self, size: int, axis: int) -> list[Taps]:
        """For every output along an axis the taps that lie on the map, and where."""
        kernel, stride, padding = (v[axis] for v in (self.kernel_size, self.stride, self.padding))
        starts = [i * stride - padding for i in range(self._outputs(size, axis))]
        places = ([(t, start + t) for t in range(kernel)] for start in starts)
        return [[(t, place) for t, place in row if 0 <= place < size] for row in places]


def _span(taps_inside: list[Taps]) -> range:
    """The taps from the first to the last that lies on the map for some output."""
    used = [tap for row in taps_inside for tap, _ in row]
    return range(min(used), max(used) + 1)
