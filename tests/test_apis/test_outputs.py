"""Names of files to write."""

import cv2
import numpy as np
import pytest
import tiny

from ranfer.apis.outputs import Outputs

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def test_names_differ_in_more_than_the_case_of_their_letters():
    outputs = Outputs()
    assert [outputs.name(x) for x in ('A', 'a', 'b', 'B')] == ['A', 'a_2', 'b', 'B_2']


def test_pictures_never_replace_inputs_or_each_other(tmp_path):
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'face.jpg'), IMAGE)
    before = (tmp_path / 'a/face.jpg').read_bytes()
    with pytest.raises(ValueError, match=r"face\.jpg' is an input itself and would be"):
        tiny.inferencer()(str(tmp_path / 'a/face.jpg'), show_dir=tmp_path / 'a', progress=False)
    assert (tmp_path / 'a/face.jpg').read_bytes() == before
    tiny.inferencer()(str(tmp_path), show_dir=tmp_path / 'out', progress=False)
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert names == {'face.jpg', 'face_face0.png', 'face_2.jpg', 'face_2_face0.png'}


def test_pictures_never_replace_other_inputs(tmp_path):
    for name in ('a face.png', 'a_face.jpg'):
        cv2.imwrite(str(tmp_path / name), IMAGE)
    with pytest.raises(ValueError, match=r"a_face\.jpg' is an input itself"):
        tiny.inferencer()(str(tmp_path), show_dir=tmp_path, progress=False)
