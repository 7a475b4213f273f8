"""Layers for backbones."""

from ranfer.models.layers.small_map_conv import SmallMapConv2d
from ranfer.models.layers.stem_conv import StemConv2d
from ranfer.models.layers.stem_pool import StemReLUPool

__all__ = ['SmallMapConv2d', 'StemConv2d', 'StemReLUPool']
