"""Transforms keep shape, type and meaning of every sample, whatever its size and landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranfer.datasets.transforms import (
    PackRegionInputs,
    RandomFaceAffine,
    RandomFaceFlip,
    RandomOcclusion,
    RegionCropTransform,
)
from ranfer.datasets.transforms.affine import affine_matrix
from ranfer.landmarks.align import move_points

quick = settings(max_examples=40, deadline=None)
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
STRATEGIES = [
    dict(type='FixedRegions'),
    dict(type='GridRegions', rows=2, cols=3),
    dict(type='RandomRegions'),
    dict(type='LandmarkRegions'),
]


@st.composite
def samples(draw) -> dict:
    """A face of noise with landmarks in or near the image, some of them missing."""
    height, width = draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    points = np.ones((1, 5, 3), np.float32)
    points[0, :, :2] = rng.uniform(-0.3, 1.3, (5, 2)) * (width, height)
    points[0, :, 2] = draw(st.lists(st.integers(0, 1), min_size=5, max_size=5))
    return dict(
        img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        img_shape=(height, width),
        gt_keypoints=points,
        gt_bboxes=np.float32([[0, 0, width, height]]),
        gt_label=0,
        sample_idx=int(rng.integers(1000)),
        img_path='a.png',
    )


def is_whole(before: tuple, out: dict) -> bool:
    points = out['gt_keypoints']
    return (
        out['img'].shape == before
        and out['img'].dtype == np.uint8
        and points.shape == (1, 5, 3)
        and points.dtype == np.float32
        and bool(np.isfinite(points).all())
        and set(np.unique(points[..., 2])) <= {0, 1}
    )


@given(samples(), st.integers(0, 2**31 - 1))
@quick
def test_random_transforms_keep_the_form(sample, seed):
    shape, visible = sample['img'].shape, sample['gt_keypoints'][..., 2].sum()
    np.random.seed(seed)
    for transform in (
        RandomFaceAffine(rotation=40, scale=(0.5, 2), translate=0.5, shear=20),
        RandomFaceFlip(prob=1.0),
        RandomOcclusion(prob=1.0),
    ):
        sample = transform(sample)
        assert is_whole(shape, sample)
    assert sample['gt_keypoints'][..., 2].sum() <= visible
    assert np.isfinite(sample['gt_bboxes']).all()
    assert sample['conditions'][0] == 'occlusion'


@given(samples())
@quick
def test_two_flips_are_none(sample):
    image, points = sample['img'].copy(), sample['gt_keypoints'].copy()
    flip = RandomFaceFlip(prob=1.0)
    out = flip(flip(sample))
    np.testing.assert_array_equal(out['img'], image)
    np.testing.assert_allclose(out['gt_keypoints'], points, atol=1e-4)


@given(
    sizes,
    st.floats(-180, 180),
    st.floats(0.1, 10),
    st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    st.floats(-60, 60),
)
@quick
def test_affine_maps_have_an_inverse(size, rotation, scale, shift, shear):
    matrix = affine_matrix(size, rotation, scale, shift, shear)
    points = np.array([[0.0, 0.0], [size[1], size[0]], [3.5, 7.25]])
    back = move_points(move_points(points, matrix), cv2.invertAffineTransform(matrix))
    np.testing.assert_allclose(back, points, atol=1e-6)
    area = np.linalg.det(matrix[:, :2])
    assert area == pytest.approx(scale**2, rel=1e-6)


@given(samples(), st.sampled_from(STRATEGIES), st.integers(0, 99))
@quick
def test_regions_of_any_image_are_finite_and_fixed_by_the_seed(sample, strategy, seed):
    transform = RegionCropTransform(strategy, seed=seed)
    first = transform(dict(sample))
    again = transform(dict(sample))
    height, width = sample['img'].shape[:2]
    assert first['regions'].shape == (len(first['region_mask']), 4)
    assert first['regions'].dtype == np.float32
    assert np.isfinite(first['regions']).all()
    assert first['regions'][0].tolist() == [0, 0, width, height]
    assert first['region_mask'][0]
    np.testing.assert_array_equal(first['regions'], again['regions'])
    packed = PackRegionInputs()(first)
    assert packed['inputs'].shape == (3, height, width)


@given(samples(), st.sampled_from(STRATEGIES), st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_ready_crops_have_one_size(sample, strategy, side):
    out = RegionCropTransform(strategy, seed=0, crop_size=side)(sample)
    assert out['img'].shape == (len(out['regions']), 3, side, side)
    assert out['img'].dtype == np.uint8
