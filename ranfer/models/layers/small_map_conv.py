"""Convolution that trains fast on maps of a few positions."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ranfer.models.attention import HALF_PRECISION, at_least_float32
from ranfer.registry import MODELS
from ranfer.utils.compiling import is_compiling

MAX_POSITIONS = 4
"""Largest output map, in positions: larger ones are no faster by matrix products in float32."""


@MODELS.register_module()
class SmallMapConv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` that trains on a CPU by matrix products, one for each output and tap.

    The last stages of a ResNet on crops of 64 pixels work on maps of 4 x 4 down to 1 x 1, where
    most taps of a 3 x 3 kernel lie in the padding. A convolution multiplies by those zeros, and its
    gradient with respect to the weight is slow there; the matrix products leave them out. Same
    parameters, same numbers up to rounding; sums over taps are computed in at least float32. Larger
    maps, evaluation, other devices, compiled models, groups and dilation take the convolution of
    PyTorch.

    Arguments are those of ``torch.nn.Conv2d``. It is chosen by MMCV's ``conv_cfg``.

    Example:
        >>> backbone = dict(type='ResNet', depth=18, conv_cfg=dict(type='ranfer.SmallMapConv2d'))
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, out_channels, h, w)`` of ``(N, in_channels, H, W)``."""
        by_products = self.training and x.device.type == 'cpu' and not is_compiling()
        if not (by_products and x.dim() == 4 and self._is_plain()):
            return super().forward(x)
        rows, columns = (self._taps_inside(x.size(2 + axis), axis) for axis in (0, 1))
        if not 0 < len(rows) * len(columns) <= MAX_POSITIONS:
            return super().forward(x)
        weight = self.weight.to(x.dtype) if x.dtype in HALF_PRECISION else self.weight
        weight = weight.permute(2, 3, 0, 1)
        if weight.stride(-1) != 1:  # not channels_last: one copy in place of one for every product
            weight = weight.contiguous()
        taps = weight.flatten(0, 1).unbind()
        pixels = x.permute(2, 3, 0, 1).flatten(0, 1).unbind()
        outputs = [
            self._output(
                (pixels[y * x.size(3) + z], taps[i * self.kernel_size[1] + j])
                for i, y in row
                for j, z in column
            )
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

    def _taps_inside(self, size: int, axis: int) -> list[list[tuple[int, int]]]:
        """For every output along an axis the taps that lie on the map, and where."""
        kernel, stride, padding = (v[axis] for v in (self.kernel_size, self.stride, self.padding))
        count = (size + 2 * padding - kernel) // stride + 1
        places = ([(t, i * stride + t - padding) for t in range(kernel)] for i in range(count))
        return [[(t, place) for t, place in row if 0 <= place < size] for row in places]
