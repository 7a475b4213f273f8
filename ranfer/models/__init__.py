"""Models: every part is registered under the scope ``ranfer``."""

from ranfer.models.backbones import (
    FastResNet,
    IResNet,
    SharedRegionBackbone,
    TorchVisionBackbone,
)
from ranfer.models.classifiers import RANClassifier
from ranfer.models.data_preprocessors import RegionDataPreprocessor
from ranfer.models.heads import Float32LinearHead, RegionWeights, RelationAttentionHead
from ranfer.models.layers import SmallMapConv2d, StemConv2d, StemReLUPool
from ranfer.models.losses import RegionBiasedLoss, region_biased_loss
from ranfer.models.necks import RANNeck, RegionFeatures

__all__ = [
    'FastResNet',
    'Float32LinearHead',
    'IResNet',
    'RANClassifier',
    'RANNeck',
    'RegionBiasedLoss',
    'RegionDataPreprocessor',
    'RegionFeatures',
    'RegionWeights',
    'RelationAttentionHead',
    'SharedRegionBackbone',
    'SmallMapConv2d',
    'StemConv2d',
    'StemReLUPool',
    'TorchVisionBackbone',
    'region_biased_loss',
]
