"""A trained model as one function of images and boxes, for exporters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranfer.models.backbones import SharedRegionBackbone
from ranfer.models.classifiers import RANClassifier
from ranfer.models.data_preprocessors import RegionDataPreprocessor
from ranfer.models.heads import RelationAttentionHead
from ranfer.models.necks import RANNeck
from ranfer.utils.cropping import crop_regions

OUTPUTS = ('scores', 'self_weights', 'relation_weights', 'region_weights')


class ExportableRAN(nn.Module):
    """Normalisation, cutting, backbone, neck and head as tensor operations alone.

    Args:
        model: A RANClassifier, or MMPretrain's ImageClassifier with RANNeck and
            RelationAttentionHead.
        boxes: Fixed boxes ``(R, 4)`` of every image, xyxy as fractions of width and height, baked
            into the function. Defaults to None: boxes are an input.

    Raises:
        ValueError: If the parts of the model are others than those.
    """

    def __init__(self, model: nn.Module, boxes: Tensor | None = None) -> None:
        super().__init__()
        _check(model)
        preprocessor = model.data_preprocessor
        self.backbone, self.neck, self.head = model.backbone, model.neck, model.head
        self.crop_size = preprocessor.crop_size
        self.to_rgb = preprocessor.to_rgb
        normalises = preprocessor._enable_normalize
        mean = preprocessor.mean if normalises else torch.zeros(3, 1, 1)
        std = preprocessor.std if normalises else torch.ones(3, 1, 1)
        self.register_buffer('mean', mean.clone())
        self.register_buffer('std', std.clone())
        self.register_buffer('boxes', boxes)
        self.eval()

    def forward(
        self, images: Tensor, boxes: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Classify faces.

        Args:
            images: ``(N, 3, H, W)`` uint8, channels as the training data had them (BGR for
                OpenCV).
            boxes: ``(N, R, 4)`` float32, xyxy in pixels of the images; left out if they are baked
                in.
            mask: True where a region exists, ``(N, R)`` bool; left out like ``boxes``.

        Returns:
            tuple: Logits and scores ``(N, C)``, then mu, nu and the final weights ``(N, R)``.
        """
        if boxes is None:
            boxes = _scaled(self.boxes, images.shape[3], images.shape[2])
            boxes = boxes.expand(images.shape[0], -1, -1)
        x = images.flip(1) if self.to_rgb else images
        x = (x.float() - self.mean) / self.std
        features = self.neck.pool(self._features(x, boxes))
        feats = self.neck.aggregate(features.view(boxes.shape[0], boxes.shape[1], -1), mask)
        logits, weights = self.head.classify(feats)
        return (logits, torch.softmax(logits, dim=1), *weights)

    def _features(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Last feature map of every region, ``(N * R, ...)``."""
        index = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype)[:, None, None]
        if not isinstance(self.backbone, SharedRegionBackbone):
            return self.backbone(crop_regions(images, _rois(index, boxes), self.crop_size))[-1]
        height, width = images.shape[2:]
        whole = _scaled(boxes.new_tensor([[0, 0, 1, 1]]), width, height).expand(
            boxes.shape[0], -1, -1
        )
        faces = crop_regions(images, _rois(index, whole), self.crop_size)
        boxes = _scaled(boxes, self.crop_size / width, self.crop_size / height)
        return self.backbone(faces, _rois(index, boxes))[-1]


def _scaled(boxes: Tensor, across: float, down: float) -> Tensor:
    """Multiply x and y of boxes ``(..., 4)``; the factors may be symbols of an exporter."""
    factors = (across, down, across, down)
    return torch.stack([boxes[..., i] * factor for i, factor in enumerate(factors)], dim=-1)


def _rois(index: Tensor, boxes: Tensor) -> Tensor:
    """Boxes ``(N, R, 4)`` as ``(N * R, 5)`` with the image index ``(N, 1, 1)`` in front."""
    return torch.cat([index.expand(-1, boxes.shape[1], 1), boxes], dim=2).flatten(0, 1)


def _check(model: nn.Module) -> None:
    parts = dict(data_preprocessor=RegionDataPreprocessor, neck=RANNeck, head=RelationAttentionHead)
    for name, kind in parts.items():
        part = getattr(model, name, None)
        if not isinstance(part, kind):
            raise ValueError(
                f'{name} of the model is {type(part).__name__}, but export needs '
                f'ranfer.{kind.__name__}; export other models with MMDeploy.'
            )
    if isinstance(model.backbone, SharedRegionBackbone) and not isinstance(model, RANClassifier):
        raise ValueError(
            f'A SharedRegionBackbone needs ranfer.RANClassifier, got {type(model).__name__}.'
        )
