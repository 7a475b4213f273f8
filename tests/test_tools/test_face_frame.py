"""Where a data set has its faces, as a config of the cut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from test_tools.conftest import run_tool

from ranfer.datasets.annotation import save_annotation
from ranfer.landmarks.align import face_template


def frame(folder: Path, rows: list[dict], *options: object) -> None:
    cv2.imwrite(str(folder / 'a.png'), np.zeros((50, 100, 3), np.uint8))
    save_annotation(folder / 'points.json', {'classes': ['a']}, rows)
    run_tool('analysis_tools/face_frame.py', folder / 'points.json', *options)


def test_frame_of_the_faces_is_told_as_a_config(tmp_path, capsys):
    points = face_template(1, 0.2, -0.1) * [100, 50]
    seen = dict(img_path='a.png', gt_label=0, keypoints=points.tolist())
    hidden = dict(seen, keypoints=[[0, 0]] * 5, keypoints_visible=[1, 1, 1, 1, 0])
    frame(tmp_path, [seen, hidden])
    printed = capsys.readouterr().out
    assert '1 faces' in printed
    assert 'face_input = dict(size=75, margin=0.200, align=True, shift=-0.100)' in printed


@pytest.mark.parametrize(
    ('row', 'options', 'sentence'),
    [
        (dict(), (), 'no face with five visible landmarks'),
        (dict(keypoints=[[float('nan'), 1]] * 5), (), 'keypoints'),
        (dict(keypoints=[[1, 1]] * 5), ('--root', '/nowhere'), 'no image that can be decoded'),
    ],
)
def test_frame_of_no_faces_is_one_sentence(tmp_path, capsys, row, options, sentence):
    with pytest.raises(SystemExit):
        frame(tmp_path, [dict(img_path='a.png', gt_label=0, **row)], *options)
    assert sentence in capsys.readouterr().err
