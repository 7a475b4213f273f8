"""What is behind a folder, pattern or name."""

import cv2
import numpy as np
import pytest
import tiny

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def test_a_pattern_that_fits_one_broken_image_is_no_end(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no image')
    for inputs in (str(tmp_path / '*.png'), [str(tmp_path / 'broken.png')]):
        [result] = tiny.inferencer()(inputs, progress=False)
        assert 'broken.png' in result.error
    with pytest.raises(ValueError, match=r'broken\.png'):
        tiny.inferencer()(str(tmp_path / 'broken.png'), progress=False)


def test_a_folder_of_an_images_name_is_no_image(tmp_path):
    (tmp_path / 'folder.jpg').mkdir()
    cv2.imwrite(str(tmp_path / 'folder.jpg/face.png'), IMAGE)
    [result] = tiny.inferencer()(str(tmp_path), progress=False)
    assert result.source.endswith('face.png') and result.error is None


def test_videos_come_by_pattern_and_home_folder(tmp_path, monkeypatch):
    tiny.write_video(tmp_path / 'a.avi', 1)
    tiny.write_video(tmp_path / 'b.avi', 1)
    monkeypatch.setenv('HOME', str(tmp_path))
    for inputs, count in ((str(tmp_path / '*.avi'), 2), ('~/a.avi', 1)):
        assert len(tiny.inferencer()(inputs, progress=False)) == count
    with pytest.raises(ValueError, match='is a URL'):
        tiny.inferencer()('https://x/film.mp4', progress=False)


@pytest.mark.parametrize('inputs', ['~photo.png', '~*.png'])
def test_a_name_may_begin_with_a_tilde(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"'~(photo|\*)\.png' (does not exist|fits no file)"
    ):
        tiny.inferencer()(inputs, progress=False)
    cv2.imwrite('~photo.png', IMAGE)
    [result] = tiny.inferencer()(inputs, progress=False)
    assert (result.source, len(result.faces)) == ('~photo.png', 1)
