"""RegionCropTransform: order, seeds, geometry, ready crops."""

from __future__ import annotations

import numpy as np
import pytest
from mmcv.transforms import Compose, RandomFlip, Resize
from samples import landmarks

from ranfer.datasets.transforms import PackRegionInputs, RandomFaceAffine, RegionCropTransform
from ranfer.regions import GridRegions
from ranfer.registry import REGIONS, TRANSFORMS

RANDOM = dict(type='RandomRegions')


def image(height=60, width=80) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxes(transform, index=0, **keys):
    return transform(dict(img=image(), sample_idx=index, **keys))['regions']


def test_whole_face_comes_first():
    out = RegionCropTransform()(dict(img=image()))
    assert out['regions'].shape == (6, 4) and out['regions'].dtype == np.float32
    assert out['regions'][0].tolist() == [0, 0, 80, 60]
    assert out['region_mask'].tolist() == [True] * 6


def test_takes_a_strategy_object_and_the_prefix():
    assert len(boxes(RegionCropTransform(GridRegions(rows=1, cols=2)))) == 3
    assert len(boxes(RegionCropTransform(dict(type='ranfer.GridRegions', rows=1, cols=2)))) == 3


def test_seed_fixes_the_regions_of_a_sample():
    one, other = RegionCropTransform(RANDOM, seed=1), RegionCropTransform(RANDOM, seed=1)
    np.random.seed(0)
    first = boxes(one, 5)
    np.random.seed(99)
    np.testing.assert_array_equal(first, boxes(other, 5))
    assert not np.array_equal(first, boxes(one, 6))
    assert not np.array_equal(first, boxes(RegionCropTransform(RANDOM, seed=2), 5))


def test_without_seed_regions_follow_numpys_global_state():
    transform = RegionCropTransform(RANDOM)
    np.random.seed(0)
    first, second = boxes(transform), boxes(transform)
    assert not np.array_equal(first, second)
    np.random.seed(0)
    np.testing.assert_array_equal(first, boxes(transform))


@pytest.mark.parametrize('step', ['flip', 'resize', 'affine'])
def test_landmark_boxes_follow_geometry(step):
    """A bright dot marks every landmark; after the transform it must lie in its box's centre."""
    points = [(20, 15), (60, 15), (40, 30), (25, 45), (55, 45)]
    img = np.zeros((60, 80, 3), np.uint8)
    for k, (x, y) in enumerate(points):
        img[y - 2 : y + 2, x - 2 : x + 2] = 50 * (k + 1)
    steps = dict(
        flip=RandomFlip(prob=1.0),
        resize=Resize(scale=(160, 90)),
        affine=RandomFaceAffine(rotation=15, scale=(0.9, 1.1), translate=0.05),
    )
    np.random.seed(3)
    out = Compose([steps[step], RegionCropTransform(dict(type='LandmarkRegions', radius=0.1))])(
        dict(img=img, img_shape=(60, 80), gt_keypoints=landmarks(*((x, y, 1) for x, y in points)))
    )
    assert out['region_mask'].all()
    for k, box in enumerate(out['regions'][1:]):
        ys, xs = np.nonzero(np.abs(out['img'][..., 0].astype(int) - 50 * (k + 1)) < 12)
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        inside = (np.abs(xs - centre[0]) < 12) & (np.abs(ys - centre[1]) < 12)
        assert inside.sum() > 4
        mean = xs[inside].mean() + 0.5, ys[inside].mean() + 0.5
        np.testing.assert_allclose(mean, centre, atol=1.0)


def test_landmark_that_left_the_image_loses_its_region():
    keypoints = landmarks(*[(40, 30, 1)] * 4, (79, 30, 1))
    np.random.seed(0)
    shift = RandomFaceAffine(translate=0.0, scale=(2, 2))
    out = Compose([shift, RegionCropTransform(dict(type='LandmarkRegions'))])(
        dict(img=image(), img_shape=(60, 80), gt_keypoints=keypoints)
    )
    assert out['region_mask'].tolist() == [True] * 5 + [False]


def test_ready_crops_of_missing_regions_are_black():
    keypoints = landmarks((40, 30, 1), (0, 0, 0))
    strategy = dict(type='LandmarkRegions', num_landmarks=2)
    out = RegionCropTransform(strategy, crop_size=8)(dict(img=image(), gt_keypoints=keypoints))
    assert out['img'].shape == (3, 3, 8, 8)
    assert out['img'][1].any() and not out['img'][2].any()
    grey = RegionCropTransform(crop_size=8)(dict(img=image()[..., 0]))
    assert grey['img'].shape == (6, 1, 8, 8)


def test_pack_keeps_boxes_and_conditions():
    out = PackRegionInputs()(
        RegionCropTransform()(dict(img=image(), gt_label=2, conditions=('occlusion',)))
    )
    sample = out['data_samples']
    assert out['inputs'].shape == (3, 60, 80)
    assert sample.regions.shape == (6, 4) and sample.region_mask.all()
    assert sample.conditions == ('occlusion',)
    assert sample.gt_label.tolist() == [2]


def test_components_are_registered_under_the_scope():
    for name in ('RegionCropTransform', 'PackRegionInputs', 'LoadFaceImage', 'RandomFaceAffine'):
        assert TRANSFORMS.get(f'ranfer.{name}') is not None


class _Broken:
    def __call__(self, size, points, rng):
        return np.zeros((2, 3)), np.ones(2, dtype=bool)


def test_mistakes_name_the_key():
    with pytest.raises(ValueError, match='RegionCropTransform.crop_size must be positive, got 0'):
        RegionCropTransform(crop_size=0)
    with pytest.raises(ValueError, match='RegionCropTransform.seed must be at least 0'):
        RegionCropTransform(seed=-1)
    with pytest.raises(ValueError, match=r'_Broken must return boxes \(k, 4\)'):
        RegionCropTransform(_Broken())(dict(img=image()))
    with pytest.raises(KeyError, match='FixedRegion is not in the ranfer::region strategy'):
        REGIONS.build(dict(type='FixedRegion'))
    assert 'FixedRegions' in repr(RegionCropTransform())


def test_one_seed_gives_regions_and_occluders_that_know_nothing_of_each_other():
    """Else the side of a region would tell which occluder lies on the face."""
    crop = RegionCropTransform(dict(type='RandomRegions', num_regions=1, scale=(0.5, 1.0)), seed=3)
    image = np.zeros((1000, 1000, 3), np.uint8)
    for index in range(5):
        box = crop(dict(img=image, sample_idx=index))['regions'][1]
        drawn_by_occlusion = np.random.default_rng((3, index)).uniform(0.5, 1.0)
        assert abs((box[2] - box[0]) / 1000 - drawn_by_occlusion) > 1e-3


def test_a_strategy_may_return_lists_and_boxes_of_missing_regions():
    def strategy(size, points, rng):
        return [[0, 0, 40, 30], [40, 30, 80, 60]], [1, 0]

    out = RegionCropTransform(strategy, crop_size=8)(dict(img=image()))
    assert out['regions'].dtype == np.float32 and out['regions'][2].tolist() == [40, 30, 80, 60]
    assert out['region_mask'].dtype == bool and out['region_mask'].tolist() == [True, True, False]
    assert out['img'][1].any() and not out['img'][2].any()
