"""Images of strangers are refused before they cost memory or reach a seldom used decoder."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image
from test_datasets import fakes

from ranfer.apis.images import read_image
from ranfer.datasets.image_file import MAX_FILE_BYTES, image_defect
from ranfer.datasets.transforms import LoadFaceImage, UnreadableImageError

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
(executed) (w) file closefile
%%EOF
"""


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
def test_what_is_too_large_is_to_be_shrunk(tmp_path):
    assert image_defect(fakes.claimed_png(9_248)) is None  # more than the 64 megapixels of a phone
    (tmp_path / 'a.png').write_bytes(fakes.claimed_png(10_001))
    with pytest.raises(ValueError, match='10001 x 10001 pixels, more than .*; shrink it first'):
        read_image(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes(fakes.claimed_png(8)[:40])
    with pytest.raises(ValueError, match='is cut off .*; give a whole image file'):
        read_image(tmp_path / 'b.png')


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('side', [10_001, 30_000])
def test_training_refuses_bombs_too(tmp_path, monkeypatch, side):
    def decode(*_, **__):
        raise AssertionError('decoded')

    monkeypatch.setattr('ranfer.datasets.image_file.mmcv.imfrombytes', decode)
    (tmp_path / 'a.png').write_bytes(fakes.claimed_png(side))
    with pytest.raises(UnreadableImageError, match='more than 100000000, .*; shrink it, or set'):
        LoadFaceImage()(dict(img_path=str(tmp_path / 'a.png')))


@pytest.mark.parametrize('data', [EPS, picture('PCX'), picture('SGI'), picture('TGA')])
def test_other_formats_of_pillow_are_no_images(data):
    """Pillow hands an EPS to an interpreter that runs it."""
    assert image_defect(data) == 'is no image that can be decoded'


@pytest.mark.parametrize('kind', ['BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP'])
def test_known_formats_have_no_defect(kind):
    assert image_defect(picture(kind)) is None


@pytest.mark.parametrize('dtype', [np.float32, np.int32, np.uint16, np.uint8])
def test_a_tiff_of_unknown_range_is_no_picture(dtype):
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 200, dtype)).save(buffer, 'TIFF')
    defect = 'has 32 bits a value, more than 16' if np.dtype(dtype).itemsize > 2 else None
    assert image_defect(buffer.getvalue()) == defect


@pytest.mark.parametrize('tail', [b'', b'\xff\xda\xff\xd9\xff\xda film', b'\xff\xda'])
def test_data_behind_a_jpeg_is_no_defect(tail):
    """A phone appends a film to a photo, in which any two bytes may follow each other."""
    whole = picture('JPEG')
    assert image_defect(whole + tail) is None
    segment = b'\xff\xe1' + (len(whole) + 2).to_bytes(2, 'big') + whole  # a thumbnail in it
    assert image_defect(whole[:2] + segment + whole[2:] + tail) is None
    assert 'is cut off' in image_defect(whole[:2] + segment + whole[2:-2])


@pytest.mark.parametrize('path', ['a\0.png', '\ud800.png'])
def test_paths_that_no_file_can_have(path):
    with pytest.raises(UnreadableImageError, match='expected a readable image'):
        LoadFaceImage()(dict(img_path=path))


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no named pipes')
def test_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    path = str(tmp_path / 'a.png')
    os.mkfifo(path)
    waits = 'ranfer.datasets.image_file.open'
    monkeypatch.setattr(waits, lambda *_: pytest.fail('opened'), raising=False)
    with pytest.raises(UnreadableImageError, match='is no regular file, expected a readable'):
        LoadFaceImage()(dict(img_path=path))
    with pytest.raises(ValueError, match='cannot be read .is no regular file'):
        read_image(path)


def test_the_error_survives_processes():
    with pytest.raises(UnreadableImageError) as caught:
        LoadFaceImage()(dict(img_path='gone.png'))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.path, copy.reason) == ('gone.png', 'does not exist')
    assert str(copy) == str(caught.value) == str(UnreadableImageError(str(copy)))


def test_huge_file_is_not_read_in_full(tmp_path):
    path = tmp_path / 'a.png'
    with path.open('wb') as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UnreadableImageError, match='has more than 64 MiB'):
        LoadFaceImage()(dict(img_path=str(path)))
    with pytest.raises(ValueError, match='cannot be read .has more than 64 MiB'):
        read_image(path)


def test_landmarks_outside_the_image_are_invisible(tmp_path):
    Image.new('RGB', (20, 10)).save(tmp_path / 'a.png')
    points = np.array([[[5, 5, 1], [-1, 5, 1], [5, 11, 1], [20, 10, 1], [5, 5, 0]]], np.float32)
    found = LoadFaceImage()(dict(img_path=str(tmp_path / 'a.png'), gt_keypoints=points))
    assert found['gt_keypoints'][0, :, 2].tolist() == [1, 0, 0, 1, 0]
    assert points[0, 1, 2] == 1
