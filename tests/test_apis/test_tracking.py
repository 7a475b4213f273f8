"""Faces of successive frames as persons."""

import numpy as np
import pytest

from ranfer.apis.tracking import FaceTracker

RNG = np.random.default_rng(0)


def test_tracker_keeps_numbers_while_faces_move_and_cross_frames():
    tracker = FaceTracker(smoothing=0.5)
    a, b = np.array([0.0, 0, 10, 10]), np.array([50.0, 0, 60, 10])
    scores = np.eye(2)
    first, _ = tracker.update(np.stack([a, b]), scores)
    assert first.tolist() == [0, 1]
    moved = np.stack([b - 2, a + 2])  # in the other order
    numbers, smooth = tracker.update(moved, scores)
    assert numbers.tolist() == [1, 0]
    np.testing.assert_allclose(smooth, [[0.5, 0.5], [0.5, 0.5]])
    assert tracker.update(np.zeros((0, 4)), np.zeros((0, 2)))[0].tolist() == []
    assert tracker.update(a[None] + 3, scores[:1])[0].tolist() == [0]
    for _ in range(16):
        tracker.update(np.zeros((0, 4)), np.zeros((0, 2)))
    assert tracker.update(a[None] + 3, scores[:1])[0].tolist() == [2]


def test_a_face_goes_on_with_one_track():
    tracker = FaceTracker()
    boxes, scores = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10]]), np.eye(2)
    tracker.update(boxes, scores)
    assert tracker.update(boxes[:1], scores[:1])[0].tolist() == [0]


def test_a_track_survives_as_many_frames_as_said():
    tracker, box, score = FaceTracker(patience=1), np.array([[0.0, 0, 10, 10]]), np.ones((1, 1))
    nothing = np.zeros((0, 4)), np.zeros((0, 1))
    tracker.update(box, score)
    tracker.update(*nothing)
    assert tracker.update(box, score)[0].tolist() == [0]
    tracker.update(*nothing)
    tracker.update(*nothing)
    assert tracker.update(box, score)[0].tolist() == [1]


def test_smoothing_is_an_exponential_average():
    # Against the closed form of the recursion s_t = a s_{t-1} + (1 - a) p_t with s_0 = p_0.
    values = RNG.dirichlet(np.ones(3), 6)
    tracker = FaceTracker(smoothing=0.7)
    box = np.array([[0.0, 0, 10, 10]])
    smooth = [tracker.update(box, p[None])[1][0] for p in values][-1]
    weights = np.array([0.7**5, *(0.3 * 0.7 ** (5 - t) for t in range(1, 6))])
    np.testing.assert_allclose(smooth, weights @ values)


@pytest.mark.parametrize('kwargs', [dict(smoothing=1), dict(min_overlap=0), dict(patience=-1)])
def test_tracker_refuses(kwargs):
    with pytest.raises(ValueError, match='FaceTracker got'):
        FaceTracker(**kwargs)
