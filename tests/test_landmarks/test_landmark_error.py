import json

import numpy as np
import pytest
from test_tools.conftest import run_tool

from ranfer.datasets.annotation import save_annotation
from ranfer.landmarks.error import landmark_error, mean_shape

TOOL = 'analysis_tools/landmark_error.py'
FACE = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], float)


def test_error_is_a_part_of_the_distance_between_the_eyes():
    truth = np.stack([FACE, 2 * FACE])
    found = truth + np.array([[[3, 4]], [[0, 2]]])
    everywhere = np.ones((2, 5), bool)
    assert landmark_error(found, truth, everywhere) == pytest.approx((5 / 20 + 2 / 40) / 2)
    first = everywhere & np.array([[True], [False]])
    assert landmark_error(found, truth, first) == pytest.approx(0.25)


def test_error_without_points_or_with_eyes_in_one_place():
    assert np.isnan(landmark_error(FACE[None], FACE[None], np.zeros((1, 5), bool)))
    same = FACE[None].copy()
    same[0, 1] = same[0, 0]
    assert np.isnan(landmark_error(same, same, np.ones((1, 5), bool)))


def test_mean_shape_takes_visible_points_only():
    visible = np.ones((2, 5), bool)
    visible[1, 0] = False
    shape = mean_shape(np.stack([FACE, FACE + 2]), visible)
    np.testing.assert_allclose(shape, FACE + np.array([0, 1, 1, 1, 1])[:, None])


def test_mean_shape_needs_every_point_somewhere():
    visible = np.ones((2, 5), bool)
    visible[:, 3] = False
    with pytest.raises(ValueError, match='visible on no face'):
        mean_shape(np.stack([FACE, FACE]), visible)


def test_tool_prints_each_condition_and_errors_in_one_sentence(tmp_path, capsys):
    true = [
        dict(img_path='a', gt_label=0, keypoints=FACE.tolist(), conditions=['pose30']),
        dict(img_path='b', gt_label=0, keypoints=FACE.tolist(), keypoints_visible=[1, 1, 1, 1, 0]),
    ]
    found = [{**row, 'keypoints': (FACE + np.array([0, 2])).tolist()} for row in true]
    save_annotation(tmp_path / 'true.json', {}, true)
    save_annotation(tmp_path / 'found.json', {}, found)
    files = tmp_path / 'found.json', tmp_path / 'true.json'
    run_tool(TOOL, *files, '--mean-shape', tmp_path / 'true.json')
    table = capsys.readouterr().out
    assert '| all    |     2 |              9 | 100.0% | 10.00% |      0.00% |' in table
    assert '| pose30 |     1 |              5 | 100.0% | 10.00% |      0.00% |' in table
    save_annotation(tmp_path / 'found.json', {}, found[:1])
    run_tool(TOOL, *files)
    assert '| all    |     2 |              9 |  55.6% | 10.00% |' in capsys.readouterr().out
    (tmp_path / 'found.json').write_text(json.dumps({'metainfo': {}, 'data_list': []}))
    with pytest.raises(SystemExit) as end:
        run_tool(TOOL, *files)
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith('Error: data_list:')
