"""Stem convolution that is fast in compiled models on GPUs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ranfer.registry import MODELS
from ranfer.utils.compiling import is_compiling

CHANNELS = 16
"""Channels that 2 x 2 pixels of an image are filled up to: tensor cores work on groups of 8."""


@MODELS.register_module()
class StemConv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` whose 7 x 7 kernel over every second pixel is fast in compiled models.

    Tensor cores have little use for the 3 channels of an image. In a compiled model on a GPU and in
    channels_last, 2 x 2 pixels become one with 12 channels, on which the kernel is 4 x 4 with
    stride 1 (its first row and column are zero); ``torch.compile`` makes that one step. Same
    parameters, same numbers up to rounding. All else takes the convolution of PyTorch.

    Arguments are those of ``torch.nn.Conv2d``. :class:`FastResNet` has one.

    Example:
        >>> stem = StemConv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, out_channels, ceil(H / 2), ceil(W / 2))`` of ``(N, in_channels, H, W)``."""
        if is_compiling() and self._is_stem() and x.is_cuda and _is_channels_last(x):
            return conv_by_blocks(x, self.weight, self.bias)
        return super().forward(x)

    def _is_stem(self) -> bool:
        return (
            self.kernel_size == (7, 7)
            and self.stride == (2, 2)
            and self.padding == (3, 3)
            and self.dilation == (1, 1)
            and self.groups == 1
            and self.padding_mode == 'zeros'
            and 4 * self.in_channels <= CHANNELS
        )


def _is_channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


def conv_by_blocks(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution with a 7 x 7 kernel, stride 2 and padding 3, computed on blocks of 2 x 2 pixels.

    Args:
        x: ``(N, C, H, W)``, C at most 4.
        weight: ``(D, C, 7, 7)``.
        bias: ``(D,)``. Defaults to None.

    Returns:
        Tensor: ``(N, D, ceil(H / 2), ceil(W / 2))``.
    """
    fill = CHANNELS - 4 * x.size(1)
    even = F.pad(x, (0, x.size(3) % 2, 0, x.size(2) % 2))
    blocks = F.pad(_by_blocks(even), (2, 1, 2, 1, 0, fill))
    kernel = F.pad(_by_blocks(F.pad(weight, (1, 0, 1, 0))), (0, 0, 0, 0, 0, fill))
    return F.conv2d(blocks, kernel, bias)


def _by_blocks(x: Tensor) -> Tensor:
    """Bring blocks of 2 x 2 positions into the channels: ``(N, 4 C, H / 2, W / 2)``, channels_last.

    The convolution and what follows keep that format, which :class:`StemReLUPool` needs.
    """
    blocks = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 1, 3, 5, 2, 4)
    return blocks.flatten(1, 3).contiguous(memory_format=torch.channels_last)
