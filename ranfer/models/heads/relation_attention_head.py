"""Relation-attention and the classifier on top of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmpretrain.models.heads import ClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from ranfer.models.attention import (
    check_activation,
    log_attention,
    normalised_weights,
    weighted_sum,
)
from ranfer.models.necks.ran_neck import RegionFeatures
from ranfer.registry import MODELS
from ranfer.utils.compiling import is_compiling


class RegionWeights(NamedTuple):
    """The weights of every region, ``(N, R)`` each; 0 where a region does not exist.

    Predicted samples and exported files name them like the fields.

    Attributes:
        self_weights: mu_i in ``[0, 1]``.
        relation_weights: nu_i in ``[0, 1]``.
        region_weights: Final weights mu_i nu_i / sum(mu nu), which sum to 1.
    """

    self_weights: Tensor
    relation_weights: Tensor
    region_weights: Tensor


@MODELS.register_module()
class RelationAttentionHead(ClsHead):
    r"""Relation-attention and linear classifier of Region Attention Networks (RAN, equation 3).

    .. math::
        \nu_i = \sigma(q_1^T [F_i : F_m]), \qquad
        P = \sum_i \mu_i \nu_i [F_i : F_m] / \sum_i \mu_i \nu_i

    The weights sum to 1, so the second half of P is F_m itself and no concatenated ``(N, R, 2D)``
    tensor is built. Predictions carry ``self_weights`` (mu), ``relation_weights`` (nu) and
    ``region_weights`` (final) next to MMPretrain's ``pred_score`` and ``pred_label``.

    Args:
        num_classes: Number of classes.
        in_channels: Dimension D of a region feature, as in :class:`RANNeck`.
        activation: ``'sigmoid'`` (the paper) or ``'sigmoid_softmax'`` (the authors' code).
            Defaults to ``'sigmoid'``.
        bias: Whether the attention layer has a bias, as in the authors' code. Defaults to False.
        dropout: Probability of dropping an entry of P in training, in ``[0, 1)``. Defaults to 0.
        loss: Config of the classification loss. Targets may be labels or, where samples carry
            ``gt_score``, distributions. Defaults to cross entropy.
        region_loss: Config of the loss on the self-attention weights, for example
            ``dict(type='ranfer.RegionBiasedLoss', margin=0.02)``. Defaults to None.
        single_region_loss: Config of a classification loss on every region classified alone, as
            a RAN of that one region does: its descriptor is ``[F_i : F_i]``. It asks each crop to
            tell the expression by itself, for the faces on which the others are hidden, and adds
            no weights. Not in the paper. Defaults to None.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If a key is out of range, or at call time if the head does not follow a RANNeck,
            the samples are not as many as the faces, training has none, some of them alone have
            ``gt_score``, it is over other classes, or a label is too large (seen on CPUs alone).

    Example:
        >>> head = dict(
        ...     type='ranfer.RelationAttentionHead', num_classes=7, in_channels=512,
        ...     region_loss=dict(type='ranfer.RegionBiasedLoss', margin=0.02))
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        activation: str = 'sigmoid',
        bias: bool = False,
        dropout: float = 0.0,
        loss: dict | None = None,
        region_loss: dict | None = None,
        single_region_loss: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        _check_losses(loss=loss, region_loss=region_loss, single_region_loss=single_region_loss)
        super().__init__(
            loss=loss or dict(type='mmpretrain.CrossEntropyLoss'),
            init_cfg=init_cfg or dict(type='Normal', layer='Linear', std=0.01),
        )
        if num_classes < 1:
            raise ValueError(
                f'RelationAttentionHead.num_classes must be positive, got {num_classes}.'
            )
        if not 0 <= dropout < 1:
            raise ValueError(f'RelationAttentionHead.dropout must be in [0, 1), got {dropout}.')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.activation = check_activation(activation, 'RelationAttentionHead')
        self.attention = nn.Linear(2 * in_channels, 1, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * in_channels, num_classes)
        self.region_loss = None if region_loss is None else MODELS.build(region_loss)
        self.single_region_loss = (
            None if single_region_loss is None else MODELS.build(single_region_loss)
        )

    def pre_logits(self, feats: RegionFeatures) -> Tensor:
        """Return P, the descriptor of a face, ``(N, 2D)``."""
        return self._aggregate(feats)[0]

    def forward(self, feats: RegionFeatures) -> Tensor:
        """Return the logits ``(N, num_classes)``."""
        return self._logits(self.pre_logits(feats))

    def loss(self, feats: RegionFeatures, data_samples: list[DataSample], **kwargs) -> dict:
        """Return the losses of a batch.

        Args:
            feats: Output of :class:`RANNeck`.
            data_samples: Samples with ``gt_label`` or ``gt_score``.
            **kwargs: Passed to the classification loss.

        Returns:
            dict[str, Tensor]: ``loss`` and, where configured, ``loss_region`` and
            ``loss_single_region``.
        """
        logits = self(feats)
        _check_count(logits, data_samples)
        self._check_labels(data_samples)
        losses = self._get_loss(logits, data_samples, **kwargs)
        if self.region_loss is not None:
            losses['loss_region'] = self.region_loss(feats.log_self_weights.exp(), feats.mask)
        if self.single_region_loss is not None:
            logits, target, weight = self._regions_alone(feats, data_samples)
            losses['loss_single_region'] = self.single_region_loss(logits, target, **weight)
        return losses

    def predict(
        self, feats: RegionFeatures, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Return one sample a face with scores, label and the weights of its regions.

        Args:
            feats: Output of :class:`RANNeck`.
            data_samples: Samples to fill. Defaults to new ones.

        Returns:
            list[DataSample]: With ``pred_score`` ``(C,)``, ``pred_label`` ``(1,)`` and
            ``self_weights``, ``relation_weights``, ``region_weights`` ``(R,)``, R the number of
            its own ``regions`` if it has them.
        """
        logits, weights = self.classify(feats)
        if data_samples is not None:
            _check_count(logits, data_samples)
        predictions = self._get_predictions(logits, data_samples)
        for i, sample in enumerate(predictions):
            own = len(sample.regions) if 'regions' in sample else None
            for name, values in weights._asdict().items():
                sample.set_field(values[i, :own].detach(), name)
        return predictions

    def classify(self, feats: RegionFeatures) -> tuple[Tensor, RegionWeights]:
        """Return the logits ``(N, num_classes)`` and the weights of the regions."""
        descriptor, log_nu, weights = self._aggregate(feats)
        mu, nu = feats.log_self_weights.exp(), log_nu.exp()
        return self._logits(descriptor), RegionWeights(mu, nu, weights)

    def classify_regions(self, features: Tensor) -> Tensor:
        """Return the logits ``(N, R, num_classes)`` of every region as if it were the only one."""
        with torch.autocast(features.device.type, enabled=False):
            weight = self.fc.weight.unflatten(1, (2, -1)).sum(dim=1)  # of [F_i : F_i]
            return F.linear(self.dropout(features).to(weight.dtype), weight, self.fc.bias)

    def _regions_alone(
        self, feats: RegionFeatures, data_samples: list[DataSample]
    ) -> tuple[Tensor, Tensor, dict]:
        """Logits of every region by itself, targets, and how a loss weighs those that exist."""
        logits = self.classify_regions(feats.features)
        if 'gt_score' in data_samples[0]:
            target = torch.stack([sample.gt_score for sample in data_samples])
        else:
            target = torch.cat([sample.gt_label for sample in data_samples])
        target = target.repeat_interleave(logits.size(1), dim=0)
        logits = logits.flatten(0, 1)
        if feats.mask is None:  # some losses are a mean over the classes too without a factor
            return logits, target, dict(avg_factor=logits.size(0))
        exists = feats.mask.flatten().float()
        return logits, target, dict(weight=exists, avg_factor=exists.sum().clamp(min=1))

    def _check_labels(self, data_samples: list[DataSample]) -> None:
        """Check the labels where that stops no device and breaks no graph."""
        if not data_samples:
            raise ValueError(
                'A batch of training has no sample, expected at least one; see that the sampler '
                'and collate_fn of train_dataloader give some.'
            )
        if is_compiling():
            return
        with_score = ['gt_score' in sample for sample in data_samples]
        if any(with_score) and not all(with_score):
            raise ValueError(
                'Some samples of a batch have gt_score and others have gt_label alone; set '
                'use_distribution alike in all data sets of train_dataloader.'
            )
        if with_score[0]:
            length = len(data_samples[0].gt_score)
            if length != self.num_classes:
                raise ValueError(
                    f'head.num_classes is {self.num_classes}, but a sample has a distribution over '
                    f'{length} classes; set num_classes of head and data_preprocessor to the '
                    f'number of classes of the data set.'
                )
            return
        labels = [sample.gt_label for sample in data_samples]
        if labels[0].device.type != 'cpu':
            return
        largest = int(torch.cat(labels).max())
        if largest >= self.num_classes:
            raise ValueError(
                f'head.num_classes is {self.num_classes}, but a sample has the label {largest}; '
                f'set num_classes to the number of classes of the data set.'
            )

    def _logits(self, descriptor: Tensor) -> Tensor:
        with torch.autocast(descriptor.device.type, enabled=False):
            return self.fc(self.dropout(descriptor).to(self.fc.weight.dtype))

    def _aggregate(self, feats: RegionFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Return P, the logarithm of nu and the final weights."""
        if not isinstance(feats, RegionFeatures):
            raise ValueError(
                'RelationAttentionHead must follow a ranfer.RANNeck, got features of type '
                f"{type(feats).__name__}; set neck=dict(type='ranfer.RANNeck', ...) in the model."
            )
        features, log_mu, mask, face = feats
        if face.size(1) != self.in_channels:
            raise ValueError(
                f'RelationAttentionHead.in_channels is {self.in_channels}, but RANNeck gives '
                f'{face.size(1)} channels; make the two agree.'
            )
        with torch.autocast(face.device.type, enabled=False):
            log_nu = log_attention(self._relation_scores(features, face), self.activation, mask)
            weights = normalised_weights(log_mu + log_nu, mask)
            descriptor = torch.cat([weighted_sum(features, weights), face], dim=1)
            return descriptor, log_nu, weights

    def _relation_scores(self, features: Tensor, face: Tensor) -> Tensor:
        """``q1^T [F_i : F_m]`` without building the concatenation, ``(N, R)``."""
        region_query, face_query = self.attention.weight.to(features.dtype).view(2, -1)
        scores = features @ region_query + (face @ face_query)[:, None]
        bias = self.attention.bias
        return scores if bias is None else scores + bias.to(scores.dtype)


def _check_losses(**losses: dict | nn.Module | None) -> None:
    for key, config in losses.items():
        if config is not None and not isinstance(config, (dict, nn.Module)):
            raise ValueError(
                f'RelationAttentionHead.{key} is {config!r}, must be the config of a loss such as '
                f"{key}=dict(type='...')."
            )


def _check_count(logits: Tensor, data_samples: list[DataSample]) -> None:
    if len(data_samples) != logits.size(0):
        raise ValueError(
            f'{logits.size(0)} faces came out of RANNeck for {len(data_samples)} samples; set '
            f'RANNeck.num_regions to the number of regions that RegionCropTransform gives, the '
            f'whole face included, in training and test alike.'
        )
