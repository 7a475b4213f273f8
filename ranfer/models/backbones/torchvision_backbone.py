"""Backbones of torchvision."""

from __future__ import annotations

import torchvision
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from ranfer.registry import MODELS


@MODELS.register_module()
class TorchVisionBackbone(BaseModule):
    """A torchvision classification model without its classifier and auxiliary heads.

    Args:
        model: Name of the model, for example ``'resnet18'`` or ``'regnet_y_400mf'``; see
            ``torchvision.models.list_models()``.
        weights: Name of torchvision weights, for example ``'DEFAULT'``, which are downloaded on
            first use. Defaults to None.
        node: Name of the module whose output is the feature, for example ``'features'`` for the
            feature map of a VGG. Defaults to the input of the classifier.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If torchvision has no such model.

    Example:
        >>> backbone = dict(type='ranfer.TorchVisionBackbone', model='resnet18')
    """

    def __init__(
        self,
        model: str,
        weights: str | None = None,
        node: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        names = torchvision.models.list_models(module=torchvision.models)
        if model not in names:
            raise ValueError(
                f'TorchVisionBackbone.model {model!r} is no model of torchvision '
                f'{torchvision.__version__}; choose one of {", ".join(names)}.'
            )
        net = _without_auxiliary(torchvision.models.get_model(model, weights=weights))
        self.net = (
            _without_classifier(net)
            if node is None
            else create_feature_extractor(net, {node: 'features'})
        )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the feature of ``(N, 3, H, W)`` images as a tuple of one tensor."""
        out = self.net(x)
        return (out['features'] if isinstance(out, dict) else out,)


def _without_auxiliary(net: nn.Module) -> nn.Module:
    """Drop the heads with which GoogLeNet and Inception v3 return a named tuple in training."""
    if getattr(net, 'aux_logits', False):
        net.aux_logits = False
        for name in ('aux1', 'aux2', 'AuxLogits'):
            if hasattr(net, name):
                setattr(net, name, None)
    return net


def _without_classifier(net: nn.Module) -> nn.Module:
    """Replace the classifier, which torchvision names in one of four ways, by nothing."""
    for name in ('fc', 'classifier', 'head', 'heads'):
        if hasattr(net, name):
            setattr(net, name, nn.Identity())
    return net
