"""Backbones that MMPretrain does not have."""

from ranfer.models.backbones.shared_region_backbone import SharedRegionBackbone
from ranfer.models.backbones.torchvision_backbone import TorchVisionBackbone

__all__ = ['SharedRegionBackbone', 'TorchVisionBackbone']
