"""A trained model as one function of images and boxes, for exporters."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ranfer.models.backbones import SharedRegionBackbone
from ranfer.models.classifiers import RANClassifier
from ranfer.models.data_preprocessors import RegionDataPreprocessor
from ranfer.models.heads import RegionWeights, RelationAttentionHead
from ranfer.models.necks import RANNeck
from ranfer.regions import FixedRegions
from ranfer.utils.compiling import is_compiling
from ranfer.utils.cropping import crop_regions

INPUTS = ['images', 'boxes', 'mask']
"""Of an exported file; one with boxes of its own has the first alone."""

OUTPUTS = ['logits', 'scores', *RegionWeights._fields]
TOLERANCE = 1e-4


class ExportableRAN(nn.Module):
    """Normalisation, cutting, backbone, neck and head as tensor operations alone.

    It shares the parts of the model and puts them into evaluation mode.

    Args:
        model: A RANClassifier, or MMPretrain's ImageClassifier with RANNeck and
            RelationAttentionHead.
        boxes: Fixed boxes ``(R, 4)`` of every image, xyxy as fractions of width and height, baked
            into the function. Defaults to None: boxes are an input.

    Raises:
        ValueError: If the parts of the model are others than those, or have a ``forward`` of their
            own.
    """

    def __init__(self, model: nn.Module, boxes: Tensor | None = None) -> None:
        super().__init__()
        _check(model)
        preprocessor = model.data_preprocessor
        self.backbone, self.neck, self.head = model.backbone, model.neck, model.head
        self.crop_size = preprocessor.crop_size
        self.to_rgb = preprocessor.to_rgb
        self.num_regions = preprocessor.num_regions
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
        if self.num_regions is not None:
            boxes = _first(boxes, self.num_regions)
            mask = mask if mask is None else _first(mask, self.num_regions)
        x = images.flip(1) if self.to_rgb else images
        x = (x.float() - self.mean) / self.std
        features = self.neck.pool(self._features(x, boxes))
        feats = self.neck.aggregate(features.view(*boxes.shape[:2], self.neck.in_channels), mask)
        logits, weights = self.head.classify(feats)
        return (logits, torch.softmax(logits, dim=1), *weights)

    def _features(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Last feature map of every region, ``(N * R, ...)``."""
        index = torch.arange(images.shape[0], device=boxes.device, dtype=boxes.dtype)[:, None, None]
        if not isinstance(self.backbone, SharedRegionBackbone):
            return self.backbone(crop_regions(images, _rois(index, boxes), self.crop_size))[-1]
        height, width = images.shape[2:]
        whole = _scaled(boxes.new_tensor([[0, 0, 1, 1]]), width, height).expand(
            boxes.shape[0], -1, -1
        )
        faces = crop_regions(images, _rois(index, whole), self.crop_size)
        boxes = _scaled(boxes, self.crop_size / width, self.crop_size / height)
        return self.backbone(faces, _rois(index, boxes))[-1]


def exportable(model: nn.Module, boxes: np.ndarray | None) -> ExportableRAN:
    """A copy of a model as a function on the CPU in float32.

    Args:
        model: Model as :class:`ExportableRAN` takes it; it stays as it is.
        boxes: Boxes ``(R, 4)`` to bake in, xyxy as fractions of width and height, or None.

    Raises:
        ValueError: If the parts of the model are others, or the boxes leave the image or are empty.
    """
    baked = None if boxes is None else torch.tensor(FixedRegions(boxes).boxes, dtype=torch.float32)
    return ExportableRAN(copy.deepcopy(model).cpu().float(), baked)


def description(module: ExportableRAN, metadata: Mapping | None) -> str:
    """What a file says of itself, as JSON: the metadata and the boxes that are baked in."""
    boxes = None if module.boxes is None else module.boxes.tolist()
    return json.dumps(dict(metadata or {}, boxes=boxes))


def example_inputs(
    module: ExportableRAN, count: int, regions: int, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Noise with random boxes, the last image without all regions but the first.

    Args:
        module: What the inputs are for; with boxes of its own it takes images alone.
        count: Number of images N.
        regions: Number of regions R, at least as many as the module uses are made.
        size: Height and width of the images.

    Returns:
        dict[str, Tensor]: ``images`` and, without boxes of its own, ``boxes`` and ``mask``.
    """
    regions = max(regions, module.num_regions or 1)
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=generator)
    if module.boxes is not None:
        return dict(images=images)
    corners = torch.rand(count, regions, 2, 2, generator=generator).sort(dim=2).values
    boxes = (corners * torch.tensor([size[1], size[0]])).flatten(2)
    mask = torch.ones(count, regions, dtype=torch.bool)
    mask[-1, 1:] = False
    return dict(images=images, boxes=boxes, mask=mask)


def largest_difference(
    module: ExportableRAN,
    exported: Callable[[dict[str, Tensor]], Tensor],
    path: str,
    size: tuple[int, int],
) -> float:
    """Compare an exported file with PyTorch over batch sizes, numbers of regions and image sizes.

    Args:
        module: What was exported.
        exported: Logits of the file for :func:`example_inputs`.
        path: The file, named in errors.
        size: Height and width of the images.

    Returns:
        float: Largest difference of a logit.

    Raises:
        ValueError: If it is above 1e-4, or the file refuses a batch size or number of regions.
    """
    worst = 0.0
    for count, regions, sides in ((2, 3, size), (1, 6, (size[0] + 5, size[1] + 8)), (3, 1, size)):
        data = example_inputs(module, count, regions, sides)
        with torch.no_grad():
            expected = module(*data.values())[0]
        try:
            found = exported(data)
        except (RuntimeError, AssertionError, ValueError) as error:  # of all the runtimes
            raise ValueError(
                f'{path} refuses a batch of {count} with {regions} regions, because the backbone '
                f'fixes its sizes when traced ({str(error).splitlines()[0]}); export a backbone of '
                f'convolutions.'
            ) from error
        worst = max(worst, float((expected - found).abs().nan_to_num(nan=math.inf).max()))
    if worst > TOLERANCE:
        raise ValueError(
            f'{path} differs from PyTorch by {worst:.2g} in a logit, expected at most {TOLERANCE}; '
            f'report the versions of torch, onnx and onnxruntime.'
        )
    return worst


def _first(x: Tensor, number: int) -> Tensor:
    """Return at most the first ``number`` regions of ``(N, R, ...)``."""
    if is_compiling() and x.shape[1] >= number:
        # torch.export tells a slice that takes everything from others, and so refuses a free R.
        return x.index_select(1, torch.arange(number, device=x.device))
    return x[:, :number]


def _scaled(boxes: Tensor, across: float, down: float) -> Tensor:
    """Multiply x and y of boxes ``(..., 4)``; the factors may be symbols of an exporter."""
    factors = (across, down, across, down)
    return torch.stack([boxes[..., i] * factor for i, factor in enumerate(factors)], dim=-1)


def _rois(index: Tensor, boxes: Tensor) -> Tensor:
    """Boxes ``(N, R, 4)`` as ``(N * R, 5)`` with the image index ``(N, 1, 1)`` in front."""
    return torch.cat([index.expand(-1, boxes.shape[1], 1), boxes], dim=2).flatten(0, 1)


def _check(model: nn.Module) -> None:
    parts: dict[str, type[nn.Module]] = dict(
        data_preprocessor=RegionDataPreprocessor, neck=RANNeck, head=RelationAttentionHead
    )
    for name, kind in parts.items():
        part = getattr(model, name, None)
        if not isinstance(part, kind):
            raise ValueError(
                f'{name} of the model is {type(part).__name__}, but export needs '
                f'ranfer.{kind.__name__}; export other models with MMDeploy.'
            )
        if type(part).forward is not kind.forward:  # the exported function goes around it
            raise ValueError(
                f'{type(part).__name__} has a forward of its own, which would not be exported; '
                f'export models whose {name} is ranfer.{kind.__name__} as it is.'
            )
    if isinstance(model.backbone, SharedRegionBackbone) and not isinstance(model, RANClassifier):
        raise ValueError(
            f'A SharedRegionBackbone needs ranfer.RANClassifier, got {type(model).__name__}.'
        )
