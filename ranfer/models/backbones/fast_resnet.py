"""MMPretrain's ResNet with layers that train fast on small crops and on GPUs."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.backbones import ResNet
from torch import nn

from ranfer.models.layers import StemReLUPool
from ranfer.registry import MODELS


@MODELS.register_module()
class FastResNet(ResNet):
    """MMPretrain's ``ResNet``: same parameters and names, same numbers up to rounding, less time.

    On CPUs its blocks train by :class:`SmallMapConv2d`, which matters on crops of 64 pixels. On
    GPUs, in channels_last, :class:`StemReLUPool` and, in compiled models, :class:`StemConv2d` take
    a part of the time that PyTorch's layers need for the stem.

    Args:
        depth: 18, 34, 50, 101 or 152.
        conv_cfg: Convolution of the blocks. Defaults to :class:`SmallMapConv2d`.
        *args: Other arguments of MMPretrain's ``ResNet``.
        **kwargs: The same by name.

    Example:
        >>> backbone = dict(type='ranfer.FastResNet', depth=18, out_indices=(3, ))
    """

    conv_cfg: dict

    def __init__(self, depth: int, *args: Any, conv_cfg: dict | None = None, **kwargs: Any) -> None:
        conv_cfg = conv_cfg or dict(type='ranfer.SmallMapConv2d')
        super().__init__(depth, *args, conv_cfg=conv_cfg, **kwargs)

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        if self.deep_stem:  # convolutions with ReLU that are fast as they are
            return super()._make_stem_layer(in_channels, stem_channels)
        of_blocks, self.conv_cfg = self.conv_cfg, dict(type='ranfer.StemConv2d')
        super()._make_stem_layer(in_channels, stem_channels)
        self.conv_cfg = of_blocks
        self.relu, self.maxpool = nn.Identity(), StemReLUPool()
