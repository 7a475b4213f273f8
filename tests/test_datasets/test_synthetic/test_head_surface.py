import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranfer.datasets.synthetic import action_unit_array, sample_identity, sample_view
from ranfer.datasets.synthetic.head import (
    directions,
    frame_face,
    normal_map,
    radius_map,
    rotation,
    sample_map,
    trace_head,
)


@pytest.fixture
def radius():
    return radius_map(sample_identity(np.random.default_rng(3)), action_unit_array({}))


@given(st.floats(-1.3, 1.3), st.floats(-1.3, 1.3))
def test_directions_have_length_one_and_invert_the_map(u, v):
    x, y, z = directions(np.array([u, v]))
    assert np.hypot(np.hypot(x, y), z) == pytest.approx(1)
    scale = np.sqrt(2 / (1 + z))
    assert (scale * x, scale * y) == pytest.approx((u, v), abs=1e-9)


@given(st.floats(-65, 65), st.floats(-30, 30), st.floats(-30, 30))
def test_rotation_is_a_rotation(yaw, pitch, roll):
    turn = rotation(yaw, pitch, roll)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_signs_of_the_angles():
    nose, down = np.array([0, 0, 1]), np.array([0, 1, 0])
    assert (rotation(20, 0, 0) @ nose)[0] > 0
    assert (rotation(0, 20, 0) @ nose)[1] < 0
    assert (rotation(0, 0, 20) @ down)[0] < 0


def test_normals_point_outwards(radius):
    normal = normal_map(radius)
    inside = np.s_[:, 24:104, 24:104]
    np.testing.assert_allclose((normal[inside] ** 2).sum(0), 1, atol=1e-3)
    assert (normal[2, 40:90, 40:90] > 0).mean() > 0.95


@pytest.mark.parametrize('yaw', [-60, -20, 0, 35])
def test_traced_points_project_back_to_their_pixels(radius, yaw):
    """Projection and ray march are independent code; 1 pixel, as the march stops early."""
    view = sample_view(np.random.default_rng(0), yaw=yaw)
    camera, _ = frame_face(radius, view, 96)
    trace = trace_head(radius, camera, 96)
    rows, columns = np.nonzero(trace.cover == 1)
    uv = np.stack([trace.u[rows, columns], trace.v[rows, columns]], 1)
    front = (np.abs(uv) < 1.2).all(1)
    points = directions(uv) * sample_map(radius, uv)[:, None]
    pixels, depth = camera.project(points)
    error = np.hypot(pixels[:, 0] - columns, pixels[:, 1] - rows)[front]
    assert front.sum() > 2000
    assert np.quantile(error, 0.95) < 1.0
    assert np.quantile(np.abs(depth - trace.depth[rows, columns])[front], 0.95) < 0.05


def test_face_fills_the_crop(radius):
    for seed in range(20):
        view = sample_view(np.random.default_rng(seed))
        _, box = frame_face(radius, view, 128)
        assert 0.8 * 128 < (box[2:] - box[:2]).max() < 1.05 * 128


@pytest.mark.parametrize(('unit', 'uv'), [(6, (0.40, 0.14)), (9, (0.15, 0.10)), (26, (0.0, 1.05))])
def test_action_units_move_the_surface(unit, uv):
    who = sample_identity(np.random.default_rng(3))
    rest, moved = (radius_map(who, action_unit_array({unit: x})) for x in (0, 1))
    at = np.array([uv])
    assert sample_map(moved, at) > sample_map(rest, at) + 0.01
