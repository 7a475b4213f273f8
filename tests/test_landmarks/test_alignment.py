import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranfer.landmarks import (
    FIVE_POINTS,
    align_face,
    crop_face,
    similarity_transform,
    to_five_points,
)
from ranfer.landmarks.align import face_template, fit_template, move_points, warp, warp_face


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(-3, 3), scale=st.floats(0.1, 10), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_similarity_is_recovered(angle, scale, x, y):
    """Points moved by a known similarity give it back; 1e-6 because float64 sums are reordered."""
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    matrix = np.array([[cos, -sin, x], [sin, cos, y]])
    source = face_template(100)
    found = similarity_transform(source, move_points(source, matrix))
    np.testing.assert_allclose(found, matrix, atol=1e-6)


@pytest.mark.parametrize(('margin', 'shift'), [(0, 0), (-0.07, -0.075), (0.3, 0.1)])
def test_margin_and_shift_of_a_frame_are_recovered(margin, shift):
    assert fit_template(face_template(1, margin, shift)) == pytest.approx((margin, shift))


def test_similarity_has_least_error_of_opencv_search():
    """cv2.estimateAffinePartial2D solves the same least squares by another way (RANSAC + LM)."""
    rng = np.random.default_rng(0)
    source = rng.uniform(0, 100, (5, 2))
    target = source * 1.3 + 7 + rng.normal(0, 1, (5, 2))
    ours = similarity_transform(source, target)
    theirs, _ = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=100)

    def error(matrix):
        return ((move_points(source, matrix) - target) ** 2).sum()

    assert error(ours) <= error(theirs) + 1e-6


@pytest.mark.parametrize('factor', [0.4, 1, 3])
def test_aligned_dots_are_where_the_landmarks_say(factor):
    """A soft dot at the nose is found at the moved nose, for shrinking and enlarging."""
    points = (face_template(100) * factor + 20).astype(np.float32)
    side = int(100 * factor + 40)
    y, x = np.mgrid[:side, :side] + 0.5
    width = (4 * factor) ** 2
    image = 255 * np.exp(-((x - points[2, 0]) ** 2 + (y - points[2, 1]) ** 2) / width)
    face, moved = align_face(image.astype(np.uint8), points, 100)
    y, x = np.mgrid[:100, :100] + 0.5
    weight = face.astype(float)
    found = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
    assert np.abs(found - moved[2]).max() < 0.3
    np.testing.assert_allclose(moved, face_template(100), atol=1e-3)


def test_crop_is_the_square_around_the_box():
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:40, 30:40] = 255
    face, matrix = crop_face(image, np.array([30, 20, 40, 40]), 40)
    assert (
        face.shape == (40, 40, 3) and (face[1:-1, 12:28] == 255).all() and (face[:, :8] == 0).all()
    )
    np.testing.assert_allclose(move_points([[30, 20], [40, 40]], matrix), [[10, 0], [30, 40]])
    outside, _ = crop_face(image + 9, np.array([70, 50, 110, 90]), 40)
    assert (outside[:8, :8] == 9).all() and (outside[20:] == 0).all()


@pytest.mark.parametrize(
    ('call', 'sentence'),
    [
        (lambda: crop_face(np.zeros((9, 9)), np.array([5, 0, 5, 9])), 'box: got .*x1 < x2'),
        (lambda: crop_face(np.zeros((9, 9)), np.array([np.nan, 0, 5, 9])), 'box: got .*x1 < x2'),
        (lambda: similarity_transform(np.ones((5, 2)), np.ones((5, 2))), 'landmarks: got'),
        (lambda: to_five_points(np.zeros((21, 2))), r'points: got shape \(21, 2\)'),
    ],
)
def test_mistakes(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize('count', FIVE_POINTS)
def test_reduction_takes_the_means(count):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, count, 2)).astype(np.float32)
    five = to_five_points(points)
    assert five.shape == (3, 5, 2)
    for k, group in enumerate(FIVE_POINTS[count]):
        expected = sum(points[1, i] for i in group) / len(group)
        np.testing.assert_allclose(five[1, k], expected, atol=1e-6)


def test_tables_are_symmetric():
    """Left groups are as large as right ones and no point is used twice."""
    for groups in FIVE_POINTS.values():
        assert len(groups[0]) == len(groups[1]) and len(groups[3]) == len(groups[4])
        flat = [i for group in groups for i in group]
        assert len(flat) == len(set(flat))


@pytest.mark.parametrize('angle', [0.0, 0.5])
@pytest.mark.parametrize('centre', [(300, 200), (4, 190), (397, 5), (900, 200)])
def test_a_shrinking_warp_equals_that_of_the_whole_image_shrunk(angle, centre):
    """Shrinking all of the image first is the plain way; a tenth of the grey values of noise-free
    waves may differ, for the area averages lie on another grid."""
    y, x = np.mgrid[:400, :600]
    image = (127 + 60 * np.sin(x / 15) + 60 * np.cos(y / 20)).astype(np.uint8)
    scale, size = 0.25, 32
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, size / 2 - linear @ centre])
    small = cv2.resize(image, (150, 100), interpolation=cv2.INTER_AREA)
    plain = warp(small, matrix * [4, 4, 1], (size, size))
    difference = np.abs(warp_face(image, matrix, size).astype(int) - plain)
    assert difference.max() <= 12 and difference.mean() < 1
    assert plain.any() == (centre[0] < 600)
