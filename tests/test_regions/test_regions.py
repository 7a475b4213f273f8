"""Region strategies: the paper's places, properties over all sizes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranfer.regions import (
    FixedRegions,
    GridRegions,
    LandmarkRegions,
    RandomRegions,
    RegionDropout,
)
from ranfer.registry import REGIONS

FACE = np.array([[35, 40, 1], [65, 40, 1], [50, 60, 1], [38, 78, 1], [62, 78, 1]], dtype=np.float32)


def boxes_of(strategy, size=(100, 100), points=None, seed=0):
    return strategy(size, points, np.random.default_rng(seed))


def test_fixed_regions_are_the_papers():
    boxes, mask = boxes_of(FixedRegions(), (200, 100))
    expected = [
        [0, 0, 75, 150],
        [25, 0, 100, 150],
        [12.5, 50, 87.5, 200],
        [5, 10, 95, 190],
        [7.5, 15, 92.5, 185],
    ]
    np.testing.assert_allclose(boxes, expected)
    assert mask.all() and boxes.dtype == np.float32


def test_random_regions_have_the_papers_sizes_and_vary():
    boxes = np.concatenate([boxes_of(RandomRegions(), seed=i)[0] for i in range(200)])
    sides = boxes[:, 2:] - boxes[:, :2]
    np.testing.assert_allclose(sides[:, 0], sides[:, 1], rtol=1e-4)
    assert len(np.unique(sides[:5, 0])) == 5  # every crop of an image has its own size
    assert sides.min() >= 70 - 1e-3 and sides.max() <= 95 + 1e-3
    assert sides.min() < 71 and sides.max() > 94
    assert boxes[:, :2].min() < 1 and boxes[:, 2:].max() > 99
    np.testing.assert_array_equal(
        boxes_of(RandomRegions(), seed=3)[0], boxes_of(RandomRegions(), seed=3)[0]
    )


def test_landmark_regions_are_squares_cut_at_the_border():
    boxes, mask = boxes_of(LandmarkRegions(radius=0.25), points=FACE)
    assert mask.all()
    np.testing.assert_allclose(boxes[2], [25, 35, 75, 85])
    near_border = FACE.copy()
    near_border[0, :2] = 10, 95
    boxes, mask = boxes_of(LandmarkRegions(radius=0.25), points=near_border)
    assert mask.all()
    np.testing.assert_allclose(boxes[0], [0, 70, 35, 100])


@pytest.mark.parametrize(
    'point', [(-1, 50, 1), (50, 101, 1), (50, 50, 0), (np.nan, 50, 1)], ids=str
)
def test_missing_or_outside_landmark_marks_its_region(point):
    points = FACE.copy()
    points[1] = point
    boxes, mask = boxes_of(LandmarkRegions(), points=points)
    assert mask.tolist() == [True, False, True, True, True]
    assert (boxes[1] == 0).all()


def test_grid_covers_the_image_row_by_row():
    boxes, mask = boxes_of(GridRegions(rows=2, cols=3, overlap=0.0), (60, 90))
    assert mask.all()
    np.testing.assert_allclose(boxes[:3], [[0, 0, 30, 30], [30, 0, 60, 30], [60, 0, 90, 30]])
    np.testing.assert_allclose(boxes[3:, 1], 30)
    half = boxes_of(GridRegions(rows=1, cols=2, overlap=0.5), (30, 30))[0]
    np.testing.assert_allclose(half, [[0, 0, 20, 30], [10, 0, 30, 30]])


def test_defaults_are_the_documented_ones():
    assert GridRegions().boxes.tolist() == GridRegions(rows=2, cols=2, overlap=0.5).boxes.tolist()
    assert RandomRegions().num_regions == 5 and RandomRegions().scale == (0.7, 0.95)
    boxes, mask = boxes_of(LandmarkRegions(), size=(80, 120), points=FACE)
    assert mask.tolist() == [True] * 5
    np.testing.assert_allclose(boxes[0], [15, 20, 55, 60])


def test_smallest_counts_are_allowed():
    np.testing.assert_array_equal(GridRegions(rows=1, cols=1).boxes, [[0, 0, 1, 1]])
    assert boxes_of(RandomRegions(num_regions=1))[0].shape == (1, 4)
    assert boxes_of(LandmarkRegions(num_landmarks=1), points=FACE[:1])[1].tolist() == [True]
    whole = boxes_of(RandomRegions(scale=(1, 1)))[0]
    np.testing.assert_array_equal(whole, [[0, 0, 100, 100]] * 5)


@pytest.mark.parametrize('overlap', [0.0, 0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize('count', range(1, 13))
def test_grid_ends_at_the_border_in_spite_of_rounding(count, overlap):
    boxes = GridRegions(rows=count, cols=1, overlap=overlap).boxes
    assert boxes.max() <= 1
    assert boxes[-1, 3] == pytest.approx(1)


def test_landmarks_on_the_border_count():
    corners = np.array([[0, 0, 1], [100, 100, 1], [0, 100, 1], [100, 0, 1], [50, 0, 1]])
    boxes, mask = boxes_of(LandmarkRegions(radius=0.1), points=corners)
    assert mask.all()
    np.testing.assert_allclose(boxes[:2], [[0, 0, 10, 10], [90, 90, 100, 100]])


def test_landmarks_may_be_a_list_with_gaps_of_none():
    points = [[None, None, 0], *FACE[1:].tolist()]
    boxes, mask = boxes_of(LandmarkRegions(), points=points)
    assert mask.tolist() == [False, True, True, True, True]
    assert (boxes[0] == 0).all()


@settings(max_examples=200, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    seed=st.integers(0, 1000),
    strategy=st.sampled_from(
        [
            dict(type='FixedRegions'),
            dict(type='RandomRegions', num_regions=3),
            dict(type='GridRegions', rows=3, cols=2, overlap=0.3),
            dict(type='LandmarkRegions', radius=0.4),
        ]
    ),
)
def test_boxes_stay_inside_and_are_not_empty(height, width, seed, strategy):
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-20, 320, (5, 2)), rng.integers(0, 2, 5)])
    boxes, mask = REGIONS.build(strategy)((height, width), points, rng)
    assert boxes.shape == (len(mask), 4) and boxes.dtype == np.float32 and mask.dtype == bool
    limit = np.array([width, height, width, height]) * (1 + 1e-6)
    assert (boxes >= 0).all() and (boxes <= limit).all()
    assert (boxes[mask, 2:] > boxes[mask, :2]).all()
    inside = (points[:, :2] >= 0).all(1) & (points[:, :2] <= [width, height]).all(1)
    if strategy['type'] == 'LandmarkRegions':
        np.testing.assert_array_equal(mask, inside & (points[:, 2] > 0))


@pytest.mark.parametrize(
    ('cls', 'config', 'sentence'),
    [
        (FixedRegions, dict(boxes=[]), 'FixedRegions.boxes must be a list'),
        (FixedRegions, dict(boxes=[[0, 0, 1]]), 'FixedRegions.boxes must be a list'),
        (FixedRegions, dict(boxes=[[0, 0, 75, 75]]), 'fractions of the image side, not pixels'),
        (FixedRegions, dict(boxes=[[0, 0, 1.5, 1]]), 'fractions of the image side, not pixels'),
        (FixedRegions, dict(boxes=[[0.5, 0, 0.5, 1]]), '0 <= x1 < x2 <= 1'),
        (RandomRegions, dict(num_regions=0), 'num_regions must be at least 1, got 0'),
        (RandomRegions, dict(scale=(0.9, 0.7)), r'got \(0.9, 0.7\)'),
        (RandomRegions, dict(scale=(0.0, 0.7)), 'RandomRegions.scale must be'),
        (RandomRegions, dict(scale=(0.5, 1.1)), 'RandomRegions.scale must be'),
        (LandmarkRegions, dict(radius=0), 'LandmarkRegions.radius must be positive, got 0'),
        (LandmarkRegions, dict(radius=float('nan')), 'LandmarkRegions.radius must be positive'),
        (LandmarkRegions, dict(num_landmarks=0), 'num_landmarks must be positive, got 0'),
        (GridRegions, dict(rows=0), 'rows >= 1 and cols >= 1, got 0 and 2'),
        (GridRegions, dict(overlap=1.0), r'GridRegions.overlap must be in \[0, 1\), got 1.0'),
    ],
)
def test_bad_config_names_the_key(cls, config, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(**config)


@pytest.mark.parametrize(
    ('points', 'sentence'),
    [
        (
            None,
            'LandmarkRegions found no landmarks (gt_keypoints) in the sample; add them with '
            'tools/dataset_converters/extract_landmarks.py or choose another region strategy.',
        ),
        (
            FACE[:3],
            'LandmarkRegions expects landmarks of shape (5, 3) = x, y, visibility, got (3, 3); set '
            'num_landmarks or repair the annotation.',
        ),
        (
            FACE[:, :2],
            'LandmarkRegions expects landmarks of shape (5, 3) = x, y, visibility, got (5, 2); set '
            'num_landmarks or repair the annotation.',
        ),
    ],
)
def test_bad_landmarks_say_what_to_do(points, sentence):
    with pytest.raises(ValueError) as error:
        boxes_of(LandmarkRegions(), points=points)
    assert str(error.value) == sentence


def test_dropout_keeps_some_of_the_regions_and_all_in_turn():
    fixed, _ = boxes_of(FixedRegions())
    dropout = RegionDropout(dict(type='FixedRegions'), keep=3)
    kept = [boxes_of(dropout, seed=seed)[0] for seed in range(200)]
    places = [[fixed.tolist().index(box) for box in boxes.tolist()] for boxes in kept]
    assert all(place == sorted(set(place)) and len(place) == 3 for place in places)
    share = np.bincount(np.concatenate(places), minlength=5) / 200
    np.testing.assert_allclose(share, 3 / 5, atol=0.1)


def test_dropout_takes_the_mask_along():
    points = FACE.copy()
    points[1, 2] = 0
    boxes, mask = boxes_of(RegionDropout(LandmarkRegions(), keep=4), points=points)
    assert mask.shape == (4,)
    np.testing.assert_array_equal(mask, boxes.any(1))


@pytest.mark.parametrize('keep', [1, 5])
def test_dropout_keeps_one_region_or_all(keep):
    boxes, _ = boxes_of(RegionDropout(FixedRegions(), keep))
    assert len(boxes) == keep


def test_dropout_hands_on_the_generator():
    boxes = [boxes_of(RegionDropout(RandomRegions(), 2), seed=seed)[0] for seed in (0, 0, 1)]
    assert np.array_equal(boxes[0], boxes[1]) and not np.array_equal(boxes[0], boxes[2])


@pytest.mark.parametrize(
    ('keep', 'sentence'),
    [(0, 'keep must be at least 1, got 0'), (6, 'keep is 6, but FixedRegions gives 5 regions')],
)
def test_dropout_needs_a_number_of_regions(keep, sentence):
    with pytest.raises(ValueError, match=sentence):
        boxes_of(RegionDropout(FixedRegions(), keep))
