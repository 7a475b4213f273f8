"""Convolution that trains fast on maps of a few positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ranfer.registry import MODELS

MAX_POSITIONS = 4
"""Largest output map, in positions, at which matrix products win on every CPU type measured."""


@MODELS.register_module()
class SmallMapConv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` that trains on a CPU by one matrix product for each output position.

    The last stages of a ResNet on crops of 64 pixels work on maps of 4 x 4 down to 1 x 1, where
    most taps of a 3 x 3 kernel lie in the padding. A convolution multiplies by those zeros, and its
    gradient with respect to the weight is slow there; the matrix products leave them out. Same
    parameters, same numbers up to rounding. Larger maps, evaluation, other devices, groups and
    dilation take the convolution of PyTorch.

    Arguments are those of ``torch.nn.Conv2d``. It is chosen by MMCV's ``conv_cfg``.

    Example:
        >>> backbone = dict(type='ResNet', depth=18, conv_cfg=dict(type='ranfer.SmallMapConv2d'))
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, out_channels, h, w)`` of ``(N, in_channels, H, W)``."""
        if not (self.training and x.device.type == 'cpu' and x.dim() == 4 and self._is_plain()):
            return super().forward(x)
        rows, columns = (self._taps_inside(x.size(2 + axis), axis) for axis in (0, 1))
        if not 0 < len(rows) * len(columns) <= MAX_POSITIONS:
            return super().forward(x)
        taps = [row.unbind() for row in self.weight.to(x.dtype).permute(2, 3, 0, 1).unbind()]
        pixels = [row.unbind() for row in x.permute(2, 3, 0, 1).unbind()]
        outputs = []
        for row in rows:
            for column in columns:
                inside = [(t, y, s, z) for t, y in row for s, z in column]
                kernel = torch.cat([taps[t][s] for t, _, s, _ in inside], dim=1)
                patch = torch.cat([pixels[y][z] for _, y, _, z in inside], dim=1)
                outputs.append(F.linear(patch, kernel, self.bias))
        out = torch.stack(outputs, dim=1).unflatten(1, (len(rows), len(columns)))
        return out.permute(0, 3, 1, 2)

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
