"""Self-attention over a set of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ranfer.models.attention import (
    at_least_float32,
    attention_scores,
    check_activation,
    log_attention,
    normalised_weights,
    weighted_sum,
)
from ranfer.registry import MODELS
from ranfer.utils.compiling import is_compiling


class RegionFeatures(NamedTuple):
    """What :class:`RANNeck` hands to a head.

    A stock MMPretrain head reads the last entry of a tuple and so classifies ``face_feature``.

    Attributes:
        features: Region features F_i, ``(N, R, D)``, at least float32.
        log_self_weights: Logarithm of mu_i, ``(N, R)``.
        mask: True where a region exists, ``(N, R)`` bool, or None if all are known to.
        face_feature: Weighted mean F_m, ``(N, D)``.
    """

    features: Tensor
    log_self_weights: Tensor
    mask: Tensor | None
    face_feature: Tensor


@MODELS.register_module()
class RANNeck(BaseModule):
    r"""Self-attention of Region Attention Networks (RAN, equation 1).

    .. math:: \mu_i = \sigma(q_0^T F_i), \qquad F_m = \sum_i \mu_i F_i / \sum_i \mu_i

    It pools the backbone's last output to one vector a region and aggregates any set of vectors:
    regions of a face, frames of a video, photos of one person. Sums and weights are computed in at
    least float32, under autocast too.

    Args:
        in_channels: Dimension D of a region feature, the width of the backbone's last stage.
        num_regions: Number of regions R of every sample, the whole face included. Needed with
            MMPretrain's ``ImageClassifier``, which hands over ``(N * R, ...)`` features alone;
            :class:`RANClassifier` knows it. Defaults to None.
        activation: ``'sigmoid'`` (the paper) or ``'sigmoid_softmax'`` (the authors' code).
            Defaults to ``'sigmoid'``.
        bias: Whether the attention layer has a bias, as in the authors' code. Defaults to False.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If a key is out of range, or if the features do not fit ``in_channels``,
            ``num_regions`` or the mask (whose gaps are counted on CPUs alone).

    Example:
        >>> neck = dict(type='ranfer.RANNeck', in_channels=512, num_regions=6)
    """

    def __init__(
        self,
        in_channels: int,
        num_regions: int | None = None,
        activation: str = 'sigmoid',
        bias: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Linear', std=0.01))
        if num_regions is not None and num_regions < 1:
            raise ValueError(f'RANNeck.num_regions must be at least 1, got {num_regions}.')
        self.in_channels = in_channels
        self.num_regions = num_regions
        self.activation = check_activation(activation, 'RANNeck')
        self.attention = nn.Linear(in_channels, 1, bias=bias)

    def forward(
        self,
        feats: Tensor | Sequence[Tensor],
        region_mask: Tensor | None = None,
        num_regions: int | None = None,
    ) -> RegionFeatures:
        """Aggregate region features.

        Args:
            feats: Backbone output, of which the last entry is used: one row a region, sample by
                sample, of shape ``(M, D)``, ``(M, D, h, w)``, ``(M, h, w, D)`` or ``(M, L, D)``.
                ``M`` is ``N * R``, or the number of existing regions if ``region_mask`` has gaps;
                of ``N * R`` rows those of missing regions weigh nothing.
            region_mask: True where a region exists, ``(N, R)`` bool. Defaults to all of
                ``num_regions``.
            num_regions: R, where there is no mask. Defaults to that of the config.

        Returns:
            RegionFeatures: Features, weights, mask and the weighted mean.
        """
        pooled = self.pool(feats[-1] if isinstance(feats, (tuple, list)) else feats)
        if region_mask is None:
            return self.aggregate(self._group(pooled, num_regions), None)
        return self.aggregate(*self._group_masked(pooled, region_mask))

    def aggregate(self, features: Tensor, mask: Tensor | None) -> RegionFeatures:
        """Aggregate pooled features.

        Args:
            features: F_i, ``(N, R, D)``; what stands for a missing region counts for nothing.
            mask: True where a region exists, ``(N, R)`` bool, or None if all do.

        Returns:
            RegionFeatures: Features, 0 where a region is missing, weights, mask and the weighted
            mean.
        """
        if mask is not None:  # 0 times what is not finite would be no number
            features = features.masked_fill(~mask[..., None], 0)
        with torch.autocast(features.device.type, enabled=False):
            scores = attention_scores(features, self.attention.weight, self.attention.bias)
            log_weights = log_attention(scores, self.activation, mask)
            face_feature = weighted_sum(features, normalised_weights(log_weights, mask))
        return RegionFeatures(features, log_weights, mask, face_feature)

    def pool(self, x: Tensor) -> Tensor:
        """Mean over the positions of a feature map of one row a region: ``(M, D)``."""
        x = at_least_float32(x)
        if x.dim() == 4 and x.size(1) == self.in_channels:
            return x.mean(dim=(2, 3))
        last = x.dim() in (2, 3, 4) and x.size(-1) == self.in_channels
        if not last or (x.dim() == 4 and x.size(2) == self.in_channels):  # the width of a map
            raise ValueError(
                f'RANNeck.in_channels is {self.in_channels}, but the backbone gives features of '
                f'{tuple(x.shape)[1:]} a region; set in_channels to the width of its last stage, '
                f'the number of channels among these.'
            )
        return x.flatten(1, -2).mean(dim=1) if x.dim() > 2 else x

    def _group(self, x: Tensor, num_regions: int | None) -> Tensor:
        """Sort rows into samples of as many regions: ``(N, R, D)``."""
        num_regions = self._agreed(num_regions)
        if num_regions is None:
            raise ValueError(
                'RANNeck needs num_regions in its config, or the regions with the features '
                '(ranfer.RANClassifier tells them).'
            )
        if x.size(0) % num_regions:
            raise ValueError(
                f'RANNeck.num_regions is {num_regions}, but {x.size(0)} region features '
                f'came, which is no multiple of it; count the whole face as a region too.'
            )
        return x.unflatten(0, (-1, num_regions))

    def _agreed(self, num_regions: int | None) -> int | None:
        """Number of regions of the samples, or of the config if they do not tell."""
        if num_regions is None:
            return self.num_regions
        if self.num_regions not in (None, num_regions):
            raise ValueError(
                f'RANNeck.num_regions is {self.num_regions}, but the samples have '
                f'{num_regions} regions, the whole face included; make the two agree.'
            )
        return num_regions

    def _group_masked(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Sort rows into samples: ``(N, R, D)`` and the mask, or None if every region exists."""
        self._agreed(mask.size(1))
        if x.size(0) == mask.numel():
            return x.unflatten(0, tuple(mask.shape)), None if _known_complete(mask) else mask
        if _can_ask(mask) and x.size(0) != int(mask.sum()):
            raise ValueError(
                f'RANNeck got {x.size(0)} region features, but region_mask has {int(mask.sum())} '
                f'regions in {mask.numel()} places; pass one feature a region or one a place.'
            )
        dense = x.new_zeros(*mask.shape, x.size(1))
        return dense.masked_scatter(mask[..., None], x), mask


def _known_complete(mask: Tensor) -> bool:
    return _can_ask(mask) and bool(mask.all())


def _can_ask(mask: Tensor) -> bool:
    """Whether the values can be read without stopping a device or breaking a graph."""
    return mask.device.type == 'cpu' and not is_compiling()
