"""Odd inputs end in a result or in one clear sentence."""

import errno
import io
import os
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

RGB = np.zeros((60, 40, 3), np.uint8)
RGB[:20] = (200, 30, 30)  # the upper third is red


def encode(image: Image.Image, kind: str, **kwargs) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **kwargs)
    return buffer.getvalue()


def with_orientation(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return encode(Image.fromarray(RGB), 'JPEG', exif=exif, quality=95)


def cmyk() -> bytes:
    return encode(Image.fromarray(RGB).convert('CMYK'), 'JPEG')


def sixteen(shape: tuple[int, ...]) -> bytes:
    return cv2.imencode('.png', np.full(shape, 40000, np.uint16))[1].tobytes()


def bomb() -> bytes:
    """A PNG of few bytes that claims 60000 x 60000 pixels."""
    data = bytearray(encode(Image.new('L', (1, 1)), 'PNG'))
    data[16:24] = (60000).to_bytes(4, 'big') * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    return bytes(data)


JPEG, PNG = encode(Image.fromarray(RGB), 'JPEG'), encode(Image.fromarray(RGB), 'PNG')
PICTURE = Image.fromarray(RGB)
GOOD_FILES = {
    **{f'orientation{i}.jpg': with_orientation(i) for i in range(1, 9)},
    'grey.png': encode(PICTURE.convert('L'), 'PNG'),
    'grey.jpg': encode(PICTURE.convert('L'), 'JPEG'),
    'grey_alpha.png': encode(PICTURE.convert('LA'), 'PNG'),
    'alpha.png': encode(PICTURE.convert('RGBA'), 'PNG'),
    'palette.png': encode(PICTURE.convert('P'), 'PNG'),
    'palette.gif': encode(PICTURE.convert('P'), 'GIF'),
    'bilevel.png': encode(PICTURE.convert('1'), 'PNG'),
    '16bit_grey.png': sixteen((60, 40)),
    '16bit_colour.png': sixteen((60, 40, 3)),
    '16bit_alpha.png': sixteen((60, 40, 4)),
    'cmyk.jpg': cmyk(),
    'progressive.jpg': encode(PICTURE, 'JPEG', progressive=True),
    'image.bmp': encode(PICTURE, 'BMP'),
    'image.webp': encode(PICTURE, 'WEBP'),
    'image.tiff': encode(PICTURE, 'TIFF'),
    'one_pixel.png': encode(Image.new('RGB', (1, 1)), 'PNG'),
    'one_row.png': encode(Image.new('RGB', (300, 1)), 'PNG'),
    # searched at 1280 pixels, where nothing is left of 20
    'long.png': encode(Image.new('RGB', (20000, 20)), 'PNG'),
    'high.png': encode(Image.new('RGB', (20, 20000)), 'PNG'),
    'png_named.jpg': PNG,
    'ümläut 顔.png': PNG,
    'UPPER.JPG': JPEG,
}
BAD_FILES = {
    'empty.jpg': (b'', 'is empty'),
    'text.jpg': (b'this is no image', 'is no image'),
    'html.png': (b'<html></html>' * 50, 'is no image'),
    'cut.jpg': (JPEG[: len(JPEG) // 2], 'is cut off'),
    'cut.png': (PNG[: len(PNG) // 2], 'is cut off'),
    'head.jpg': (JPEG[:4], 'is cut off'),
    'head.png': (PNG[:8], 'is cut off'),
    'bomb.png': (bomb(), 'pixels, more than|cannot be decoded'),
    'zeros.bmp': (bytes(500), 'is no image'),
    'broken.webp': (encode(PICTURE, 'WEBP')[:30], 'no image|cannot be decoded'),
}
GOOD_ARRAYS = {
    'bgr': RGB,
    'grey': RGB[..., 0],
    'one_channel': RGB[..., :1],
    'bgra': np.dstack([RGB, RGB[..., 0]]),
    'uint16': RGB.astype(np.uint16) * 256,
    'float32': RGB.astype(np.float32),
    'float64': RGB.astype(np.float64),
    'nearly_black': np.eye(30, dtype=np.float32),
    'strided': RGB[::2, ::-1],
    'one_pixel': RGB[:1, :1],
    'read_only': np.broadcast_to(np.uint8(7), (30, 30, 3)),
}
BAD_ARRAYS = {
    'nan': (np.full((30, 30, 3), np.nan), 'NaN or infinite'),
    'infinite': (np.full((30, 30, 3), np.inf, np.float32), 'NaN or infinite'),
    'negative': (np.full((30, 30, 3), -1.0), 'expected 0 to 255'),
    'large': (np.full((30, 30, 3), 300.0), 'expected 0 to 255'),
    'fractions': (RGB / 255, 'values from 0 to 0.78.*, expected 0 to 255.* multiply it by 255'),
    'int64': (np.zeros((30, 30, 3), np.int64), 'dtype int64'),
    'bool': (np.zeros((30, 30, 3), bool), 'dtype bool'),
    'complex': (np.zeros((30, 30, 3), complex), 'dtype complex128'),
    'text': (np.full((30, 30, 3), 'a'), 'dtype <U1'),
    'object': (np.full((30, 30, 3), None), 'dtype object'),
    'two_channels': (np.zeros((30, 30, 2), np.uint8), r'shape \(30, 30, 2\)'),
    'batch': (np.zeros((2, 30, 30, 3), np.uint8), r'shape \(2, 30, 30, 3\)'),
    'planes_first': (np.zeros((3, 30, 30), np.uint8), r'shape \(3, 30, 30\)'),
    'line': (np.zeros(30, np.uint8), r'shape \(30,\)'),
    'scalar': (np.array(1, np.uint8), r'shape \(\)'),
    'no_pixel': (np.zeros((0, 30, 3), np.uint8), 'at least one pixel'),
}
BAD_INPUTS = {
    'missing': ('{}/none.jpg', 'does not exist'),
    'missing_video': ('{}/none.mp4', 'does not exist'),
    'empty_folder': ('{}', 'holds no image'),
    'pattern': ('{}/*.jpg', 'fits no file'),
    'url': ('https://example.org/face.jpg', 'is a URL'),
    'zero_byte': ('a\0b.jpg', 'cannot be read'),
    'long_name': ('x' * 5000 + '.jpg', 'cannot be read|does not exist'),
    'empty_name': ('', 'is an empty path'),
    'none': (None, 'type NoneType'),
    'number': (1.5, 'type float'),
    'true': (True, 'type bool'),
    'dict': ({'a': 1}, 'type dict'),
    'bytes': (JPEG, 'type bytes'),
    'empty_list': ([], 'is empty'),
    'list_of_none': ([None], 'type NoneType'),
}


@pytest.mark.parametrize('name', GOOD_FILES)
def test_good_files(inferencer, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(GOOD_FILES[name])
    [result] = inferencer(str(path), progress=False)
    assert result.error is None
    scale = min(1280 / max(result.width, result.height), 1)
    assert len(result.faces) == (scale * min(result.width, result.height) >= 20)


@pytest.mark.parametrize('number', range(1, 9))
def test_orientation(tmp_path, number):
    # Where the red third of the stored picture belongs, from the EXIF standard's table of rows
    # and columns.
    from ranfer.apis.images import read_image

    path = tmp_path / 'a.jpg'
    path.write_bytes(with_orientation(number))
    image = read_image(path)
    edges = dict(top=image[5, 20], bottom=image[-6, 20], left=image[20, 5], right=image[20, -6])
    edges = (
        {k: int(v[2]) for k, v in edges.items()}
        if number > 4
        else {k: int(v[2]) for k, v in edges.items() if k in ('top', 'bottom')}
    )
    place = ['top', 'top', 'bottom', 'bottom', 'left', 'right', 'right', 'left'][number - 1]
    assert image.shape[:2] == ((60, 40) if number <= 4 else (40, 60))
    assert edges[place] > 150
    assert edges[{'top': 'bottom', 'bottom': 'top', 'left': 'right', 'right': 'left'}[place]] < 60


@pytest.mark.parametrize('name', BAD_FILES)
def test_bad_files(inferencer, tmp_path, name):
    data, message = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        inferencer(str(path), progress=False)
    assert name in str(caught.value)
    # In a folder the others are still answered.
    (tmp_path / 'good.png').write_bytes(PNG)
    results = {Path(r.source).name: r for r in inferencer(str(tmp_path), progress=False)}
    assert results[name].error == str(caught.value)
    assert len(results['good.png'].faces) == 1


@pytest.mark.parametrize('name', GOOD_ARRAYS)
def test_good_arrays(inferencer, name):
    [result] = inferencer(GOOD_ARRAYS[name], progress=False)
    assert result.source == 'array'
    assert len(result.faces) == (min(result.width, result.height) >= 20)


@pytest.mark.parametrize('name', BAD_ARRAYS)
def test_bad_arrays(inferencer, name):
    array, message = BAD_ARRAYS[name]
    with pytest.raises((ValueError, TypeError), match=message):
        inferencer(array, progress=False)


@pytest.mark.parametrize('name', BAD_INPUTS)
def test_bad_inputs(inferencer, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value, message = BAD_INPUTS[name]
    value = value.format(tmp_path) if isinstance(value, str) else value
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        inferencer(value, progress=False)


@pytest.mark.parametrize('index', [-1, 2**31, 10**20])
def test_no_index_of_a_camera_reaches_opencv(inferencer, index, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', lambda *_: pytest.fail('opened'))
    for inputs in (index, [index, RGB]):
        with pytest.raises(ValueError, match=f'Camera index {index} is out of range; give 0'):
            next(inferencer.stream(inputs))


def test_a_folder_that_cannot_be_entered_is_told(inferencer, tmp_path, monkeypatch):
    closed, scandir = tmp_path / 'closed', os.scandir
    closed.mkdir()
    for folder in (tmp_path, closed):
        (folder / 'a.png').write_bytes(PNG)

    def refuse(path):
        if os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, 'Permission denied', str(closed))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    with pytest.warns(UserWarning, match=r"closed' cannot be entered \(Permission denied\); allow"):
        [result] = inferencer(str(tmp_path), progress=False)
    assert result.source == str(tmp_path / 'a.png')
    with pytest.raises(PermissionError, match='closed'):
        inferencer(str(closed), progress=False)


def test_missing_camera(inferencer):
    with pytest.raises(ValueError, match='Camera 97 cannot be opened'):
        next(inferencer.stream(97))


@pytest.mark.parametrize('data', [b'', b'no video', bytes(2000)])
def test_broken_video(inferencer, tmp_path, data):
    path = tmp_path / 'a.mp4'
    path.write_bytes(data)
    with pytest.raises(ValueError, match='cannot be opened'):
        inferencer(str(path), progress=False)


def test_a_video_without_a_frame_is_called_by_its_name(inferencer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('film.avi').touch()
    monkeypatch.setattr(cv2.VideoCapture, 'isOpened', lambda _: True, raising=False)
    with pytest.raises(ValueError, match=r"^Video 'film\.avi' gives no frame at all; give a file"):
        inferencer('film.avi', progress=False)


@pytest.mark.skipif(os.geteuid() == 0, reason='root reads everything')
def test_unreadable_file(inferencer, tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(ValueError, match='cannot be read'):
        inferencer(str(path), progress=False)


def test_what_a_folder_holds_beside_images(inferencer, tmp_path):
    for name in ('a.png', '._a.png', '__MACOSX/b.png', 'c.heic', 'sub/d.AVIF'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    with pytest.warns(UserWarning, match=r'has HEIC, .* images \(2\), .*; convert them') as said:
        [result] = inferencer(str(tmp_path), progress=False)
    assert result.source == str(tmp_path / 'a.png')
    assert len({str(warning.message) for warning in said}) == 1
