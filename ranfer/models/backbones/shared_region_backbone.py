"""One look at the whole face, regions cut from its feature map."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from ranfer.models.backbones.stages import stages_of
from ranfer.registry import MODELS
from ranfer.utils.region_pooling import pool_regions


@MODELS.register_module()
class SharedRegionBackbone(BaseModule):
    """Backbone that runs its first stages once on the whole image and the rest on every region.

    Regions are RoI-aligned from the feature map after ``split_stage`` stages, all to the same size,
    so the price of R regions is near that of one face. With ResNet-18 the stages 2 to 4 are 22.7 %
    of the multiplications each (1.81 G at 224 pixels), and a region pays the share of the map that
    ``roi_size`` makes it: a quarter for half the side. Counted for R = 6, relative to one face
    through the plain backbone (the full form costs 6):

    ======  ===========  =========  ============  ====
    pixels  split_stage  map        ``roi_size``  cost
    ======  ===========  =========  ============  ====
    224     3            14 x 14    8             1.23
    224     3            14 x 14    10            1.48
    224     2            28 x 28    14            1.40
    224     1            56 x 56    16            0.82
    64      2            8 x 8      4             1.23
    64      1            16 x 16    6             1.22
    64      3            4 x 4      4             2.14
    ======  ===========  =========  ============  ====

    It needs the images whole: ``data_preprocessor=dict(type='ranfer.RegionDataPreprocessor',
    crop=False, crop_size=224)``, and :class:`RANClassifier`, which hands over the boxes.

    Args:
        backbone: Config of a ResNet, RegNet, MobileNetV2, MobileNetV3, ConvNeXt or Swin of
            MMPretrain or an :class:`IResNet` that returns its last stage. Its weights may come from
            ``init_cfg`` there.
        split_stage: Number of stages that see the whole image, from 1 to all but one. The stages
            of ResNet, IResNet, RegNet, ConvNeXt and Swin are the four of their papers, those of
            MobileNetV2 the seven with the last convolution as eighth, those of MobileNetV3 its
            single layers. Defaults to 3.
        roi_size: Height and width of a region on the feature map. Swin wants its maps at least as
            large as its window, or ``pad_small_map=True``. Defaults to 8.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If the family of the backbone is unknown or a key is out of range.

    Example:
        >>> backbone = dict(
        ...     type='ranfer.SharedRegionBackbone', split_stage=3, roi_size=8,
        ...     backbone=dict(type='ResNet', depth=18, num_stages=4, out_indices=(3, )))
    """

    def __init__(
        self,
        backbone: dict,
        split_stage: int = 3,
        roi_size: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        stages = stages_of(self.backbone)
        if not 0 < split_stage < len(stages):
            raise ValueError(
                f'SharedRegionBackbone.split_stage must be from 1 to {len(stages) - 1} for '
                f'{type(self.backbone).__name__}, got {split_stage}.'
            )
        if roi_size < 1:
            raise ValueError(f'SharedRegionBackbone.roi_size must be positive, got {roi_size}.')
        self.split_stage = split_stage
        self.roi_size = roi_size

    def forward(self, images: Tensor, rois: Tensor | None = None) -> tuple[Tensor]:
        """Return the last stage's output of every region.

        Args:
            images: ``(N, 3, H, W)``, normalised.
            rois: ``(M, 5)`` float: image index, then xyxy in pixels of ``images``. Defaults to
                None, as preprocessors hand over that cut the regions themselves: an error.

        Returns:
            tuple[Tensor]: One tensor with M rows, ``(M, C, h, w)`` or ``(M, C)`` as the backbone
            gives it.

        Raises:
            ValueError: If there are no ``rois``.
        """
        if rois is None:
            raise ValueError(
                'SharedRegionBackbone got no boxes of regions, expected whole images with boxes; '
                "set data_preprocessor=dict(type='ranfer.RegionDataPreprocessor', crop=False)."
            )
        stages = stages_of(self.backbone)
        x = images
        for stage in stages[: self.split_stage]:
            x = stage(x)
        x = pool_regions(x, _to_map(rois, images, x), self.roi_size)
        for stage in stages[self.split_stage :]:
            x = stage(x)
        return (x,)


def _to_map(rois: Tensor, images: Tensor, features: Tensor) -> Tensor:
    """Boxes in pixels of the images as boxes in pixels of the feature map."""
    across = features.shape[-1] / images.shape[-1]
    down = features.shape[-2] / images.shape[-2]
    return rois * rois.new_tensor([1, across, down, across, down])
