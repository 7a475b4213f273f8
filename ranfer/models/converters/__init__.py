"""From other people's checkpoints to ranfer's names and back."""

from ranfer.models.converters.official import official_to_ranfer, ranfer_to_official
from ranfer.models.converters.resnet import resnet_to_ranfer
from ranfer.models.converters.vgg import is_vgg, vgg_to_ranfer

__all__ = [
    'is_vgg',
    'official_to_ranfer',
    'ranfer_to_official',
    'resnet_to_ranfer',
    'vgg_to_ranfer',
]
