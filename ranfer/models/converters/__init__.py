"""From other people's checkpoints to ranfer's names and back."""

from ranfer.models.converters.iresnet import iresnet_depth, iresnet_to_ranfer, is_iresnet
from ranfer.models.converters.official import official_to_ranfer, ranfer_to_official
from ranfer.models.converters.resnet import resnet_to_ranfer
from ranfer.models.converters.vgg import is_vgg, vgg_to_ranfer

__all__ = [
    'iresnet_depth',
    'iresnet_to_ranfer',
    'is_iresnet',
    'is_vgg',
    'official_to_ranfer',
    'ranfer_to_official',
    'resnet_to_ranfer',
    'vgg_to_ranfer',
]
