"""From other people's checkpoints to ranfer's names and back."""

from ranfer.models.converters.official import official_to_ranfer, ranfer_to_official
from ranfer.models.converters.resnet import resnet_to_ranfer

__all__ = ['official_to_ranfer', 'ranfer_to_official', 'resnet_to_ranfer']
