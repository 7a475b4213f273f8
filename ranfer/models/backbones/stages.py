"""Backbones as a list of stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mmpretrain.models.backbones import (
    ConvNeXt,
    MobileNetV2,
    MobileNetV3,
    ResNet,
    SwinTransformer,
)
from torch import Tensor, nn

from ranfer.models.backbones.iresnet import IResNet

Stage = Callable[[Tensor], Tensor]


def stages_of(backbone: nn.Module) -> list[Stage]:
    """Cut a backbone into stages that, called one after the other, do what the backbone does.

    Args:
        backbone: A ResNet (ResNeXt, SEResNet and RegNet among them), MobileNetV2, MobileNetV3,
            ConvNeXt or SwinTransformer of MMPretrain, or an IResNet, that returns its last stage.

    Returns:
        list[Stage]: Functions from a feature map ``(N, C, H, W)`` to the next, the first from
        images; the last returns what the backbone returns, ``(N, C, H, W)`` or ``(N, C)``.

    Raises:
        ValueError: If the backbone is of another family or does not return its last stage.
    """
    for family, cut in _FAMILIES.items():
        if isinstance(backbone, family):
            stages = cut(backbone)
            _check_last(backbone, len(stages))
            return stages
    raise ValueError(
        f'SharedRegionBackbone.backbone must be a ResNet, RegNet, MobileNetV2, MobileNetV3, '
        f'ConvNeXt or SwinTransformer of MMPretrain or a ranfer.IResNet, got '
        f'{type(backbone).__name__}.'
    )


def _check_last(backbone: nn.Module, count: int) -> None:
    last = count - 1
    if tuple(i % count for i in backbone.out_indices) != (last,):
        raise ValueError(
            f'SharedRegionBackbone.backbone must return its last stage alone, got '
            f'out_indices={tuple(backbone.out_indices)}; set out_indices=({last},).'
        )


def _resnet_stages(net: ResNet) -> list[Stage]:
    layers = [getattr(net, name) for name in net.res_layers]
    return [partial(_chain, (partial(_resnet_stem, net), layers[0])), *layers[1:]]


def _resnet_stem(net: ResNet, x: Tensor) -> Tensor:
    x = net.stem(x) if net.deep_stem else net.relu(net.norm1(net.conv1(x)))
    return net.maxpool(x) if hasattr(net, 'maxpool') else x


def _iresnet_stages(net: IResNet) -> list[Stage]:
    first = partial(_chain, (net.conv1, net.bn1, net.prelu, net.layer1))
    return [first, net.layer2, net.layer3, partial(_chain, (net.layer4, net.bn2))]


def _mobilenet_v2_stages(net: MobileNetV2) -> list[Stage]:
    layers = [getattr(net, name) for name in net.layers]
    return [partial(_chain, (net.conv1, layers[0])), *layers[1:]]


def _mobilenet_v3_stages(net: MobileNetV3) -> list[Stage]:
    return [getattr(net, name) for name in net.layers]


def _convnext_stages(net: ConvNeXt) -> list[Stage]:
    stages = [partial(_chain, pair) for pair in zip(net.downsample_layers, net.stages)]
    return [*stages[:-1], partial(_chain, (stages[-1], partial(_convnext_norm, net)))]


def _convnext_norm(net: ConvNeXt, x: Tensor) -> Tensor:
    norm = getattr(net, f'norm{len(net.stages) - 1}')
    return norm(x.mean((-2, -1), keepdim=True)).flatten(1) if net.gap_before_final_norm else norm(x)


def _swin_stages(net: SwinTransformer) -> list[Stage]:
    if net.use_abs_pos_embed:
        raise ValueError(
            'SharedRegionBackbone cannot cut a SwinTransformer with use_abs_pos_embed=True; set '
            'it to False.'
        )
    return [partial(_swin_stage, net, i) for i in range(len(net.stages))]


def _swin_stage(net: SwinTransformer, index: int, x: Tensor) -> Tensor:
    """One stage from map to map; merging patches belongs to the stage that needs them merged."""
    if index == 0:
        tokens, shape = net.patch_embed(x)
        tokens = net.drop_after_pos(tokens)
    else:
        tokens, shape = x.flatten(2).transpose(1, 2), tuple(x.shape[-2:])
        if not net.out_after_downsample:
            tokens, shape = net.stages[index - 1].downsample(tokens, shape)
    tokens, shape = net.stages[index](tokens, shape, do_downsample=net.out_after_downsample)
    if index == len(net.stages) - 1:
        tokens = getattr(net, f'norm{index}')(tokens)
    return tokens.transpose(1, 2).unflatten(2, shape)


def _chain(steps: Sequence[Stage], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


_FAMILIES: dict[type, Callable[[nn.Module], list[Stage]]] = {
    ResNet: _resnet_stages,
    IResNet: _iresnet_stages,
    MobileNetV2: _mobilenet_v2_stages,
    MobileNetV3: _mobilenet_v3_stages,
    ConvNeXt: _convnext_stages,
    SwinTransformer: _swin_stages,
}
