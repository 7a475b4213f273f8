"""Regions in, expression out."""

from __future__ import annotations

from inspect import signature

import torch
from mmpretrain.models.classifiers import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from ranfer.models.necks.ran_neck import RegionFeatures
from ranfer.registry import MODELS

STAGES = ('backbone', 'neck', 'pre_logits')


@MODELS.register_module()
class RANClassifier(ImageClassifier):
    """Image classifier whose samples are sets of regions (RAN, section III).

    MMPretrain's ``ImageClassifier`` with :class:`RANNeck` does the same for a fixed number of
    regions. This class adds a varying number (``region_mask``), backbones that cut regions from
    their own feature map (``rois``) and ``channels_last``.

    Args:
        backbone: Config of any backbone of MMPretrain, timm or torchvision.
        neck: Config of the neck, usually ``ranfer.RANNeck``. Another one is given ``region_mask``
            if its ``forward`` has that parameter or regions are missing.
        head: Config of the head, usually ``ranfer.RelationAttentionHead``.
        pretrained: Checkpoint of the whole model. Defaults to None.
        train_cfg: MMPretrain's ``train_cfg``; ``augments`` there are batch augmentations.
        data_preprocessor: Config of the preprocessor. Defaults to
            :class:`RegionDataPreprocessor`.
        channels_last: Whether the backbone runs in PyTorch's channels_last memory format, faster
            with bf16 on CPUs and on GPUs. Defaults to False.
        init_cfg: MMEngine initialisation config.

    Example:
        >>> model = dict(
        ...     type='ranfer.RANClassifier',
        ...     backbone=dict(type='ResNet', depth=18, num_stages=4, out_indices=(3, )),
        ...     neck=dict(type='ranfer.RANNeck', in_channels=512),
        ...     head=dict(type='ranfer.RelationAttentionHead', num_classes=7, in_channels=512))
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        pretrained: str | None = None,
        train_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        channels_last: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None or isinstance(data_preprocessor, dict):
            data_preprocessor = dict(data_preprocessor or {})
            data_preprocessor.setdefault('type', 'ranfer.RegionDataPreprocessor')
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            pretrained=pretrained,
            train_cfg=train_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        forms = [getattr(x, 'activation', None) for x in (self.neck, self.head) if x is not None]
        if len({form for form in forms if form is not None}) > 1:
            raise ValueError(
                f'model.neck.activation is {forms[0]!r} and model.head.activation {forms[1]!r}; '
                f'set both to the same.'
            )
        self.channels_last = channels_last
        self.backbone.to(memory_format=self.memory_format)
        self._neck_takes = frozenset(signature(self.neck.forward).parameters if neck else ())

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory format of the backbone; no attribute, because ``torch.save`` cannot pickle one."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def init_weights(self) -> None:
        """Initialise the weights; a seed gives the same ones in either memory format."""
        self.backbone.to(memory_format=torch.contiguous_format)
        super().init_weights()
        self.backbone.to(memory_format=self.memory_format)

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
        region_mask: Tensor | None = None,
        rois: Tensor | None = None,
        num_regions: int | None = None,
    ) -> Tensor | dict | list[DataSample]:
        """Run the model.

        Args:
            inputs: Crops ``(N, R, 3, h, w)``, or ``(M, 3, h, w)`` of the existing regions alone,
                sample by sample; whole images ``(N, 3, H, W)`` if ``rois`` is given.
            data_samples: Samples with targets (``'loss'``) or to fill (``'predict'``).
            mode: ``'tensor'``, ``'loss'`` or ``'predict'``, as in MMPretrain.
            region_mask: True where a region exists, ``(N, R)`` bool. Defaults to all.
            rois: ``(M, 5)`` image index and xyxy of the existing regions, face by face, for a
                backbone that cuts them itself. Defaults to None.
            num_regions: R, where all regions exist and the shape of ``inputs`` does not tell it.
                Defaults to what the neck knows.

        Returns:
            Logits ``(N, C)``, a dict of losses or a list of samples, by ``mode``.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        feats = self.extract_feat(
            inputs, region_mask=region_mask, rois=rois, num_regions=num_regions
        )
        if mode == 'loss':
            return self.head.loss(feats, data_samples)
        if mode == 'predict':
            return self.head.predict(feats, data_samples)
        if mode == 'tensor':
            return self.head(feats) if self.with_head else feats
        raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}.")

    def extract_feat(
        self,
        inputs: Tensor,
        stage: str = 'neck',
        region_mask: Tensor | None = None,
        rois: Tensor | None = None,
        num_regions: int | None = None,
    ) -> tuple[Tensor, ...] | RegionFeatures | Tensor:
        """Return features of a stage: ``'backbone'``, ``'neck'`` or ``'pre_logits'``.

        Args:
            inputs: See :meth:`forward`.
            stage: Where to stop. Defaults to ``'neck'``.
            region_mask: See :meth:`forward`.
            rois: See :meth:`forward`.
            num_regions: See :meth:`forward`.

        Raises:
            ValueError: If ``stage`` is unknown.
        """
        if stage not in STAGES:
            raise ValueError(f'stage must be one of {STAGES}, got {stage!r}.')
        if inputs.dim() == 5:
            num_regions = inputs.size(1)
            inputs = inputs.flatten(0, 1) if region_mask is None else inputs[region_mask]
        inputs = inputs.contiguous(memory_format=self.memory_format)
        feats = self.backbone(inputs) if rois is None else self.backbone(inputs, rois)
        if stage == 'backbone':
            return feats
        if self.with_neck:
            feats = self._group(feats, region_mask, num_regions)
        return self.head.pre_logits(feats) if stage == 'pre_logits' else feats

    def _group(
        self, feats: tuple[Tensor, ...], region_mask: Tensor | None, num_regions: int | None
    ) -> RegionFeatures | tuple[Tensor, ...]:
        """Call the neck with what it takes and is known of the regions."""
        if region_mask is not None:
            return self.neck(feats, region_mask)
        if num_regions is not None and 'num_regions' in self._neck_takes:
            return self.neck(feats, num_regions=num_regions)
        if num_regions is not None and 'region_mask' in self._neck_takes:
            rows = feats[-1]
            exists = rows.new_ones(rows.size(0) // num_regions, num_regions, dtype=torch.bool)
            return self.neck(feats, exists)
        return self.neck(feats)
