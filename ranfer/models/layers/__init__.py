"""Layers for backbones."""

from ranfer.models.layers.small_map_conv import SmallMapConv2d

__all__ = ['SmallMapConv2d']
