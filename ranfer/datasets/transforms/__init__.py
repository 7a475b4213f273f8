"""Transforms: from an image file to a packed sample with region boxes."""

from ranfer.datasets.image_file import image_defect
from ranfer.datasets.transforms.affine import RandomFaceAffine
from ranfer.datasets.transforms.cached import LoadCachedFaceImage
from ranfer.datasets.transforms.flip import RandomFaceFlip
from ranfer.datasets.transforms.loading import LoadFaceImage, UnreadableImageError
from ranfer.datasets.transforms.occlusion import RandomOcclusion
from ranfer.datasets.transforms.pack import PackRegionInputs
from ranfer.datasets.transforms.region_crop import RegionCropTransform

__all__ = [
    'LoadCachedFaceImage',
    'LoadFaceImage',
    'PackRegionInputs',
    'RandomFaceAffine',
    'RandomFaceFlip',
    'RandomOcclusion',
    'RegionCropTransform',
    'UnreadableImageError',
    'image_defect',
]
