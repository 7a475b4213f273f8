import json

import cv2
import numpy as np
import pytest

from ranfer.datasets import FERDataset
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters import annotate_pose
from ranfer.datasets.synthetic import draw
from ranfer.datasets.synthetic.head import rotation
from ranfer.landmarks.head_pose import MEAN_FACE, angles, head_pose


@pytest.mark.parametrize('pose', [(0, 0, 0), (40, 5, -10), (-55, -15, 20), (20, 12, 3)])
def test_pose_of_the_mean_face_is_found(pose):
    """The mean face turned by a known rotation (of the drawn heads, signs included), seen from
    infinity; 3 degrees because the estimate assumes a camera one metre away."""
    np.testing.assert_allclose(angles(rotation(*pose)), pose, atol=1e-9)
    seen = (rotation(*pose) @ (MEAN_FACE * [1, 1, -1]).T).T[:, :2] * 0.7 + 90
    np.testing.assert_allclose(head_pose(seen), pose, atol=3)


def test_yaw_of_drawn_faces(record_property):
    rng = np.random.default_rng(0)
    true, found = [], []
    for seed in range(40):
        _, truth = draw(seed=seed, size=64, yaw=float(rng.uniform(-60, 60)))
        true.append(truth.yaw)
        found.append(head_pose(truth.keypoints)[0])
    error = np.abs(np.array(found) - true).mean()
    record_property('mean_absolute_yaw_error', float(error))
    assert error < 8


def test_scale_and_place_do_not_matter():
    _, truth = draw(seed=1, size=128, yaw=25)
    np.testing.assert_allclose(
        head_pose(truth.keypoints), head_pose(truth.keypoints * 7 + [300, -20]), atol=0.05
    )


@pytest.mark.parametrize('points', [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2))])
def test_mistakes(points):
    with pytest.raises(ValueError, match='landmarks: got .*expected five distinct points'):
        head_pose(points)


def test_landmarks_of_no_head_from_the_front_are_refused():
    _, truth = draw(seed=0, size=64, yaw=60)
    with pytest.raises(ValueError, match='are those of no head seen from the front'):
        head_pose(truth.keypoints[[1, 0, 2, 4, 3]])


def test_pose_lists_are_condition_lists(tmp_path):
    rows = []
    names = ('0.png', '1.png', '#2 x.png', '3.png')
    for i, (name, yaw) in enumerate(zip(names, (0, 50, -60, 5))):
        image, truth = draw(seed=i, size=64, yaw=yaw)
        cv2.imwrite(str(tmp_path / name), image)
        rows.append({'img_path': name, 'gt_label': 0, 'keypoints': truth.keypoints.tolist()})
    rows.append({'img_path': 'none.png', 'gt_label': 0})
    save_annotation(tmp_path / 'a.json', {'classes': ['x']}, rows)
    lines = annotate_pose(str(tmp_path / 'a.json'), str(tmp_path / 'lists'))
    assert lines[0].startswith('pose of 4 of 5 images')
    assert (tmp_path / 'lists/pose30.txt').read_text() == '1.png\n./#2 x.png\n'
    assert len((tmp_path / 'lists/pose.csv').read_text().splitlines()) == 5
    conditions = {f'pose{d}': str(tmp_path / f'lists/pose{d}.txt') for d in (30, 45)}
    data = FERDataset('a.json', str(tmp_path), conditions=conditions)
    assert data.get_data_info(2)['conditions'] == ('pose30', 'pose45')
    assert json.loads((tmp_path / 'a.json').read_text())['data_list'][0].get('conditions') is None
