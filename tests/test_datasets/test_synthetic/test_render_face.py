from dataclasses import replace

import numpy as np
import pytest

from ranfer.datasets.synthetic import (
    CLASSES,
    action_unit_array,
    draw,
    render_face,
    sample_face,
)
from ranfer.datasets.synthetic.features import face_features


def plain_face(yaw=0.0, **changes):
    """A symmetric bald face without expression, upright in the middle of the crop."""
    face = sample_face(np.random.default_rng(4), 'neutral', yaw=yaw)
    view = replace(face.view, roll=0.0, pitch=0.0, shift=np.zeros(2), noise=0.0, blur=0.0, jpeg=0)
    view = replace(view, light=np.array([0, 0, 1.0]))
    who = replace(face.identity, hair_style='none', beard=0.0)
    units = action_unit_array(changes.pop('units', {}))
    return replace(face, view=view, identity=who, action_units=units, gaze=np.zeros(2), **changes)


def test_same_seed_same_bits_other_seed_other_image():
    first, again, other = (draw('fear', seed=s, size=96)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


@pytest.mark.parametrize('size', [32, 65, 128])
def test_image_and_truth_have_the_right_form(size):
    image, truth = draw('anger', seed=7, size=size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert truth.keypoints.shape == (5, 2)
    assert truth.keypoints.dtype == np.float32
    assert truth.keypoints_visible.shape == (5,)
    assert truth.occluder_mask.shape == (size, size)
    assert truth.occluder_box is None
    assert truth.label == CLASSES.index('anger')


def test_landmarks_of_frontal_faces():
    for seed in range(30):
        _, truth = draw(seed=seed, yaw=0)
        left_eye, right_eye, nose, left_mouth, right_mouth = truth.keypoints
        assert truth.keypoints_visible.all()
        assert ((truth.keypoints > 5) & (truth.keypoints < 122)).all()
        assert left_eye[0] < nose[0] + 25 < right_eye[0] + 50
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1]) + 8


def test_the_far_eye_hides_when_the_head_turns():
    seen = {yaw: render_face(plain_face(yaw))[1].keypoints_visible for yaw in (-65, 0, 65)}
    assert seen[0].tolist() == [1, 1, 1, 1, 1]
    assert seen[65][:2].tolist() == [1, 0]
    assert seen[-65][:2].tolist() == [0, 1]
    assert seen[65][3:].tolist() == [1, 0]
    assert seen[65][2] == seen[-65][2] == 1


@pytest.mark.parametrize('yaw', [10.0, 40.0])
def test_mirrored_yaw_mirrors_landmarks_and_picture(yaw):
    """The symmetric face is mirrored by geometry alone: flip of the image against minus yaw."""
    right, left = (render_face(plain_face(sign * yaw)) for sign in (1, -1))
    swapped = right[1].keypoints[[1, 0, 2, 4, 3]]
    swapped[:, 0] = 128 - swapped[:, 0]  # from edge to edge, as a flip counts
    np.testing.assert_allclose(left[1].keypoints, swapped, atol=0.05)
    centre = np.s_[45:85, 35:93]
    difference = left[0][:, ::-1].astype(float)[centre] - right[0][centre]
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize(
    ('unit', 'change'),
    [
        (12, lambda rest, now: now.mouth.upper[0, 1] < rest.mouth.upper[0, 1] - 0.05),
        (15, lambda rest, now: now.mouth.upper[0, 1] > rest.mouth.upper[0, 1] + 0.05),
        (20, lambda rest, now: now.mouth.upper[0, 0] < rest.mouth.upper[0, 0] - 0.05),
        (26, lambda rest, now: (now.mouth.lower - now.mouth.upper)[10, 1] > 0.15),
        (25, lambda rest, now: (now.mouth.lower - now.mouth.upper)[10, 1] > 0.02),
        (23, lambda rest, now: np.ptp(now.mouth.bottom - now.mouth.lower, 0)[1] < 0.05),
        (16, lambda rest, now: now.mouth.lower[10, 1] > rest.mouth.lower[10, 1] + 0.02),
        (1, lambda rest, now: now.brows[0][0, 1] < rest.brows[0][0, 1] - 0.08),
        (2, lambda rest, now: now.brows[0][12, 1] < rest.brows[0][12, 1] - 0.05),
        (4, lambda rest, now: now.brows[0][0, 1] > rest.brows[0][0, 1] + 0.05),
        (5, lambda rest, now: now.eyes[0].upper[7, 1] < rest.eyes[0].upper[7, 1] - 0.03),
        (7, lambda rest, now: now.eyes[0].upper[7, 1] > rest.eyes[0].upper[7, 1] + 0.01),
        (6, lambda rest, now: now.eyes[0].lower[7, 1] < rest.eyes[0].lower[7, 1] - 0.02),
        (43, lambda rest, now: np.ptp((now.eyes[0].lower - now.eyes[0].upper)[:, 1]) < 0.03),
        (9, lambda rest, now: len(now.creases) > len(rest.creases) + 5),
    ],
)
def test_action_units_move_their_feature(unit, change):
    who = plain_face().identity
    rest, now = (face_features(who, action_unit_array({unit: x}), np.zeros(2)) for x in (0.0, 1.0))
    assert change(rest, now)


def test_smile_moves_the_landmarks():
    rest, smile = (render_face(plain_face(units={12: x}))[1].keypoints for x in (0, 1))
    assert smile[3, 0] < rest[3, 0] - 2
    assert smile[3, 1] < rest[3, 1] - 3
    np.testing.assert_allclose(smile[:3], rest[:3], atol=1)


def test_expressions_differ_in_the_picture():
    units = {name: draw(name, seed=11, yaw=0, intensity=0.9)[0].astype(float) for name in CLASSES}
    for name in CLASSES[1:]:
        assert np.abs(units[name] - units['neutral']).mean() > 1


def test_small_size_is_refused():
    with pytest.raises(ValueError, match='size=16 is too small for a face: use at least 32'):
        draw(size=16)
