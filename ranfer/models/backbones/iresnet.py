"""The ResNet of face recognition."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from ranfer.registry import MODELS

DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
    200: (6, 26, 60, 6),
}
"""Depth -> blocks of the four stages."""


class IResBlock(nn.Module):
    """Residual block that normalises first and has no activation behind the sum.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        stride: Stride of the second convolution. Defaults to 1.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, channels, H / stride, W / stride)`` of ``(N, in_channels, H, W)``."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(x)) + shortcut


@MODELS.register_module()
class IResNet(BaseModule):
    """Improved ResNet, the backbone of ArcFace (arXiv 1801.07698; no SE blocks).

    Its parameters have the names of InsightFace's ``arcface_torch``, whose face-pretrained weights
    go in by ``tools/model_converters/ran_official_to_ranfer.py --kind backbone``. They were trained
    on aligned faces of 112 pixels, RGB, less 127.5 and divided by 127.5; the first stage sees the
    image at full size and each halves it, so 112 pixels become 7.

    Args:
        depth: 18, 34, 50, 100 or 200.
        base_channels: Width of the first stage; each further one is twice as wide. Defaults to 64.
        out_indices: Stages to return, from 0 to 3. The last one is normalised. Defaults to (3, ).
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If a key is out of range.

    Example:
        >>> backbone = dict(type='ranfer.IResNet', depth=50)
    """

    def __init__(
        self,
        depth: int,
        base_channels: int = 64,
        out_indices: Sequence[int] = (3,),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        default = [
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', val=1, layer='BatchNorm2d'),
        ]
        super().__init__(init_cfg or default)
        if depth not in DEPTHS:
            raise ValueError(f'IResNet.depth must be one of {tuple(DEPTHS)}, got {depth!r}.')
        listed = isinstance(out_indices, Sequence) and len(out_indices) > 0
        if not listed or not set(out_indices) <= {0, 1, 2, 3}:
            raise ValueError(
                f'IResNet.out_indices must be a list of stages from 0 to 3 such as (3, ), got '
                f'{out_indices!r}.'
            )
        self.out_indices = tuple(out_indices)
        self.conv1 = nn.Conv2d(3, base_channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        self.prelu = nn.PReLU(base_channels)
        before = base_channels
        for i, count in enumerate(DEPTHS[depth]):
            width = base_channels * 2**i
            blocks = [IResBlock(before, width, stride=2)]
            blocks += [IResBlock(width, width) for _ in range(count - 1)]
            setattr(self, f'layer{i + 1}', nn.Sequential(*blocks))
            before = width
        self.bn2 = nn.BatchNorm2d(before)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices``, ``(N, base_channels * 2**i, H / 2**(i+1), ...)``."""
        x = self.prelu(self.bn1(self.conv1(x)))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        maps[-1] = self.bn2(x)
        return tuple(maps[i] for i in self.out_indices)
