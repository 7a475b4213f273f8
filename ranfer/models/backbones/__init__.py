"""Backbones that MMPretrain does not have."""

from ranfer.models.backbones.torchvision_backbone import TorchVisionBackbone

__all__ = ['TorchVisionBackbone']
