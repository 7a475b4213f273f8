import json

import cv2
import numpy as np
import pytest
from PIL import Image

from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters.mmpose import annotation_to_mmpose
from ranfer.datasets.converters.report import ConversionError

POINTS = [[10.5, 12.5], [30, 12], [20, 20], [12, 30], [28, 30]]


def row(name: str, **more) -> dict:
    return {'img_path': name, 'gt_label': 0, 'keypoints': POINTS, **more}


@pytest.fixture
def write(tmp_path):
    """Write images of 40x48 pixels for the names and an annotation of the rows."""

    def make(rows: list[dict], names: list[str]) -> tuple[str, str]:
        for name in names:
            cv2.imwrite(str(tmp_path / name), np.zeros((48, 40, 3), np.uint8))
        save_annotation(tmp_path / 'train.json', {'classes': ['a']}, rows)
        return str(tmp_path / 'train.json'), str(tmp_path / 'coco' / 'train.json')

    return make


def test_points_boxes_and_visibility(write):
    rows = [
        row('a.png', keypoints_visible=[1, 1, 0, 1, 1]),
        row('b.png', bbox=[5, 6, 35, 46]),
    ]
    source, out = write(rows, ['a.png', 'b.png'])
    assert annotation_to_mmpose(source, out) == [f'2 faces written: {out}']
    content = json.load(open(out))
    first, second = content['annotations']
    assert content['images'][0] == {'id': 1, 'file_name': 'a.png', 'width': 40, 'height': 48}
    assert first['keypoints'][:9] == [10, 12, 2, 29.5, 11.5, 2, 19.5, 19.5, 0]
    assert (first['bbox'], second['bbox']) == ([0, 0, 40, 48], [5, 6, 30, 40])
    assert (first['num_keypoints'], second['num_keypoints']) == (4, 5)
    assert len(content['categories'][0]['keypoints']) == 5


def test_sides_are_those_of_the_image_as_it_is_shown(write, tmp_path):
    source, out = write([row('a.jpg')], [])
    image = Image.new('RGB', (40, 48))
    exif = image.getexif()
    exif[0x112] = 6  # a quarter turn
    image.save(tmp_path / 'a.jpg', exif=exif)
    annotation_to_mmpose(source, out)
    content = json.load(open(out))
    assert (content['images'][0]['width'], content['images'][0]['height']) == (48, 40)
    assert content['annotations'][0]['bbox'] == [0, 0, 48, 40]


def test_limit_is_spread_over_the_file(write):
    names = [f'{i}.png' for i in range(9)]
    source, out = write([row(name) for name in names], names)
    annotation_to_mmpose(source, out, limit=3)
    chosen = [image['file_name'] for image in json.load(open(out))['images']]
    assert chosen == ['0.png', '4.png', '8.png']
    with pytest.raises(ValueError, match='limit: got 0, expected at least 1'):
        annotation_to_mmpose(source, out, limit=0)


def test_rows_that_cannot_be_used(write, tmp_path):
    (tmp_path / 'cut.png').write_bytes(b'no image')
    rows = [row('a.png'), row('cut.png'), row('gone.png'), {'img_path': 'b.png', 'gt_label': 0}]
    source, out = write(rows, ['a.png', 'b.png'])
    lines = annotation_to_mmpose(source, out)
    assert lines[1:] == ['skipped: no landmarks: 1', 'skipped: unreadable image: 2']
    with pytest.raises(ConversionError, match=r'unreadable image: cut\.png'):
        annotation_to_mmpose(source, out, strict=True)
    assert len(json.load(open(out))['images']) == 1


def test_nothing_to_use_is_one_sentence(write):
    source, out = write([{'img_path': 'a.png', 'gt_label': 0}], ['a.png'])
    with pytest.raises(ValueError, match=r'no row of .* has landmarks and a readable image; fill'):
        annotation_to_mmpose(source, out)
