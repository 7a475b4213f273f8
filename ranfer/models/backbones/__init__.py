"""Backbones that MMPretrain does not have."""

from ranfer.models.backbones.fast_resnet import FastResNet
from ranfer.models.backbones.iresnet import IResNet
from ranfer.models.backbones.shared_region_backbone import SharedRegionBackbone
from ranfer.models.backbones.torchvision_backbone import TorchVisionBackbone

__all__ = ['FastResNet', 'IResNet', 'SharedRegionBackbone', 'TorchVisionBackbone']
