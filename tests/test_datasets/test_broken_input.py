"""What the user sees when data sets, lists, converters or their sources are broken."""

import json
import os
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_datasets import fakes

from ranfer.datasets import SFEW, AffectNet, FERDataset, FERFolder, FERPlus, parse_condition_list
from ranfer.datasets.converters import (
    ConversionError,
    annotate_pose,
    convert_affectnet,
    convert_ferplus,
    convert_rafdb,
    convert_sfew,
    extract_landmarks,
)
from ranfer.datasets.transforms import LoadFaceImage, UnreadableImageError

GOOD = {'img_path': 'a.png', 'gt_label': 0}


def annotation(path: Path, rows, classes=('a', 'b'), text=None) -> Path:
    file = path / 'train.json'
    content = {'metainfo': {'classes': list(classes)}, 'data_list': rows}
    file.write_text(json.dumps(content) if text is None else text)
    return file


ROWS = {
    'no rows': ([], 'data_list: .* has no rows, expected at least one image'),
    'row is no mapping': ([GOOD, 7], 'data_list: row 1 of .* has 7, expected a mapping'),
    'key of a sample': (
        [{**GOOD, 'gt_keypoints': [[1, 2]]}],
        r'gt_keypoints: row 0 of .* has .*, expected no such key',
    ),
    'no path': ([{'gt_label': 0}], 'img_path: row 0 of .* has None, expected the path of an image'),
    'number as path': ([{**GOOD, 'img_path': 3}], 'img_path: row 0 of .* has 3'),
    'no label': ([{'img_path': 'a'}], r'gt_label: row 0 of .* has None, expected a whole number'),
    'text label': ([GOOD, {**GOOD, 'gt_label': '1'}], "gt_label: row 1 of .* has '1', expected"),
    'label too large': ([GOOD, GOOD, {**GOOD, 'gt_label': 2}], r'row 2 of .* has 2, .*in \[0, 2\)'),
    'negative label': ([{**GOOD, 'gt_label': -1}], r'row 0 of .* has -1, expected a class index'),
    'four landmarks': ([{**GOOD, 'keypoints': [[0, 0]] * 4}], r'keypoints: row 0 .*shape \(5, 2\)'),
    'landmark is text': ([{**GOOD, 'keypoints': [['x', 0]] * 5}], r'keypoints: row 0'),
    'landmark is infinite': (
        [{**GOOD, 'keypoints': [[1e999, 0]] * 5}],
        'keypoints: row 0 .*finite',
    ),
    'visibility of four': ([{**GOOD, 'keypoints_visible': [1] * 4}], 'keypoints_visible: row 0'),
    'visibility of 2': (
        [{**GOOD, 'keypoints_visible': [1, 1, 3, 0, 1]}],
        'keypoints_visible: row 0 .*expected 5 values 0, 1 or 2',
    ),
    'box of three': ([GOOD, {**GOOD, 'bbox': [0, 0, 1]}], r'bbox: row 1 .*shape \(4,\)'),
    'box of x, y, width, height': (
        [GOOD, {**GOOD, 'bbox': [30, 30, 20, 40]}],
        'bbox: row 1 .*expected x1, y1, x2, y2 with x1 <= x2',
    ),
    'three scores': ([{**GOOD, 'gt_score': [1, 0, 0]}], 'gt_score: row 0 .*expected 2 values'),
    'scores sum to 2': ([{**GOOD, 'gt_score': [1, 1]}], 'gt_score: row 0 .*that sum to 1'),
    'negative score': ([{**GOOD, 'gt_score': [2, -1]}], 'gt_score: row 0 .*of at least 0'),
    'condition is text': ([{**GOOD, 'conditions': 'pose30'}], 'conditions: row 0 .*a list of'),
}


@pytest.mark.parametrize('case', ROWS)
def test_wrong_row(tmp_path, case):
    rows, sentence = ROWS[case]
    annotation(tmp_path, rows)
    with pytest.raises(ValueError, match=sentence) as error:
        FERDataset('train.json', str(tmp_path))
    assert str(error.value).count('\n') == 0 and '; ' in str(error.value)


def data_set_cases(path):
    return {
        'no data root': (
            lambda: FERPlus('train.json', str(path / 'none')),
            "data_root: no folder .*none'; run `python tools/dataset_converters/ferplus.py SOURCE",
        ),
        'no annotation file': (
            lambda: FERPlus('gone.json', str(path)),
            'ann_file: no annotation file .*gone.json.*; run `python tools/dataset_converters',
        ),
        'annotation cut off': (
            lambda: FERDataset(str(annotation(path, [], text='{"metainfo": {}, "da'))),
            'is not valid JSON .*perhaps a cut-off copy',
        ),
        'annotation is a list': (
            lambda: FERDataset(str(annotation(path, [], text='[1]'))),
            "has no 'metainfo' .* and 'data_list'",
        ),
        'no ann_file': (lambda: FERDataset(data_root=str(path)), "ann_file: got '', expected"),
        'classes of another data set': (
            lambda: SFEW(str(annotation(path, [GOOD]))),
            r"classes: .* has \['a', 'b'\], SFEW expects \['angry'",
        ),
        'no distribution': (
            lambda: FERDataset(str(annotation(path, [GOOD])), use_distribution=True),
            'use_distribution: 1 of 1 rows .* have no gt_score',
        ),
        'conditions no mapping': (
            lambda: FERDataset(str(annotation(path, [GOOD])), conditions='list.txt'),
            "conditions: got 'list.txt', expected a mapping",
        ),
        'condition without list': (
            lambda: FERDataset(str(annotation(path, [GOOD])), conditions=dict(pose30=None)),
            "conditions: 'pose30' has None, expected the path of a list file",
        ),
        'no condition list': (
            lambda: FERDataset(str(annotation(path, [GOOD])), conditions={'x': 'gone.txt'}),
            "conditions: no list file 'gone.txt'",
        ),
        'nine classes': (
            lambda: AffectNet('x.json', num_classes=9),
            'num_classes: got 9, expected 7',
        ),
        'no class folder': (lambda: FERFolder(data_root=str(path)), 'has no folders, expected one'),
        'empty class folder': (
            lambda: ((path / 'joy').mkdir(), FERFolder(data_root=str(path))),
            "folder .*joy' has no image",
        ),
        'class named twice': (
            lambda: FERFolder(data_root=str(path), metainfo=dict(classes=['a', 'b', 'a'])),
            "classes: got 'a' more than once",
        ),
        'class folder missing': (
            lambda: FERFolder(data_root=str(path), metainfo=dict(classes=['fear'])),
            "classes: no folder .*fear' for class 'fear'",
        ),
    }


@pytest.mark.parametrize('case', data_set_cases(Path()))
def test_wrong_data_set(tmp_path, case):
    build, sentence = data_set_cases(tmp_path)[case]
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        build()


LISTS = {
    'empty': (b'\n\n', 'names no image; give a list with one image a line'),
    'binary': (b'\xff\xd8\xff\xe0\x00', 'is not a text file'),
    'words': (b'ok.png\nthis is no image\n', "line 2 of .*'this is no image' names no image"),
    'four columns': (b'test_0001 1 2 3\n', "line 1 of .*'test_0001 1 2 3' names no image"),
}


@pytest.mark.parametrize('case', LISTS)
def test_wrong_list(tmp_path, case):
    data, sentence = LISTS[case]
    file = tmp_path / 'list.txt'
    file.write_bytes(data)
    with pytest.raises(ValueError, match=sentence):
        parse_condition_list(str(file))


def cut_jpeg():
    data = cv2.imencode('.jpg', fakes.noise(0, (64, 64, 3)))[1].tobytes()
    return data[: len(data) // 2]


IMAGES = {
    'missing': (None, 'does not exist'),
    'empty': (b'', 'is empty'),
    'cut PNG': (b'\x89PNG\r\n\x1a\n' + b'\0' * 50, r'is cut off \(PNG without end\)'),
    'cut JPEG': (cut_jpeg(), r'is cut off \(JPEG without end\)'),
    'text': (b'<html>404</html>', 'is no image that can be decoded'),
}


@pytest.mark.parametrize('case', IMAGES)
def test_wrong_image_while_loading(tmp_path, case):
    data, sentence = IMAGES[case]
    file = tmp_path / 'face.png'
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UnreadableImageError, match=f'img_path: .*face.png. {sentence}, expected'):
        LoadFaceImage()(dict(img_path=str(file)))


# Converters: the fake source is whole except for one defect -------------------------------------


def ferplus(path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(path / 'fer2013new.csv', rows)
    return fakes.write_fer_folders(path, rows)


def replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))


def add_to_zip(path: Path, name: str, data: bytes = b'x') -> None:
    with zipfile.ZipFile(path / 'more.zip', 'a', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)


def link(path: Path) -> None:
    secret = path.parent / 'secret.png'
    fakes.write_image(secret, fakes.noise(0))
    (path / 'FER2013Train/link.png').symlink_to(secret)


IMAGE = 'FER2013Train/fer0000002.png'
CSV = 'fer2013new.csv'
SKIPPED = {
    'empty image': (lambda p: (p / IMAGE).write_bytes(b''), 'unreadable image'),
    'cut image': (lambda p: os.truncate(p / IMAGE, 200), 'unreadable image'),
    'image of 3.6 gigapixels': (
        lambda p: (p / IMAGE).write_bytes(fakes.claimed_png(60_000)),
        'unreadable image',
    ),
    'text instead of an image': (lambda p: (p / IMAGE).write_text('404'), 'unreadable image'),
    'missing image': (lambda p: (p / IMAGE).unlink(), 'missing image'),
    'votes are text': (
        lambda p: replace(p / CSV, '0000002.png,0,0,8', '0000002.png,0,0,x'),
        'wrong votes',
    ),
    'unknown split': (lambda p: replace(p / CSV, 'Training', 'Tests'), 'unknown split'),
    'name outside the root': (
        lambda p: replace(p / CSV, 'fer0000001.png', '../../fer1.png'),
        'name outside the root',
    ),
    'absolute name': (lambda p: replace(p / CSV, 'fer0000001', '/tmp/x'), 'name outside the root'),
    'zip slip': (lambda p: add_to_zip(p, '../../evil.png'), 'name outside the root'),
    'zip with drive letter': (lambda p: add_to_zip(p, 'C:/evil.png'), 'name outside the root'),
    'link out of the folder': (link, 'name outside the root'),
}


@pytest.mark.parametrize('case', SKIPPED)
def test_defect_of_a_source_is_skipped_and_listed_or_fails(tmp_path, case):
    damage, reason = SKIPPED[case]
    source, out = ferplus(tmp_path / 'in'), tmp_path / 'out'
    damage(source)
    lines = convert_ferplus([source], out)
    assert any(line.startswith(f'skipped: {reason}: ') for line in lines)
    listed = json.loads((out / 'report.json').read_text())
    assert list(listed['counts']) == [reason] and listed['skipped'][reason]
    assert (
        sum(
            len(json.loads((out / f'{s}.json').read_text())['data_list'])
            for s in ('train', 'valid')
        )
        >= 11
    )
    assert not (tmp_path / 'evil.png').exists()
    files = {p: p.read_bytes() for p in out.rglob('*') if p.suffix in ('.json', '.png')}
    with pytest.raises(ConversionError, match=f'{reason}: .*; correct the source, or run without'):
        convert_ferplus([source], out, strict=True)
    assert {p: p.read_bytes() for p in files} == files


def _truncate_zip(path: Path) -> None:
    add_to_zip(path, 'a.png', b'\0' * 5000)
    os.truncate(path / 'more.zip', 60)


def _pixels(path: Path, rows=None) -> None:
    for folder in path.glob('FER2013*'):
        for file in folder.iterdir():
            file.unlink()
    fakes.write_fer2013(path / 'fer2013.csv', (rows or fakes.ferplus_rows()))


FATAL = {
    'cut zip': (_truncate_zip, {}, 'more.zip. is no complete zip file .*; download it again'),
    'no votes': (lambda p: (p / CSV).unlink(), {}, 'source: no fer2013new.csv in'),
    'column missing': (lambda p: replace(p / CSV, 'contempt', 'c'), {}, "has no column 'contempt'"),
    'votes are binary': (
        lambda p: (p / CSV).write_bytes(b'\xff\xfe\x00\x01'),
        {},
        'fer2013new.csv is not a text file',
    ),
    'votes are empty': (lambda p: (p / CSV).write_text(''), {}, "has no column 'Usage'"),
    'no images': (
        lambda p: [f.unlink() for f in p.rglob('*.png')],
        {},
        'neither fer2013.csv, icml_face_data.csv nor PNG images',
    ),
    'rows do not match': (
        lambda p: _pixels(p, fakes.ferplus_rows(4)),
        {},
        'fer2013.csv has 12 rows and fer2013new.csv has 18',
    ),
    'pixels missing': (
        lambda p: (_pixels(p), replace(p / 'fer2013.csv', 'pixels', 'x')),
        {},
        "fer2013.csv has no column 'pixels'",
    ),
    'unknown protocol': (
        lambda p: None,
        {'protocol': 'best'},
        "protocol: got 'best', expected one",
    ),
    'lists without files': (lambda p: None, {'protocol': 'lists'}, 'lists: got None with protocol'),
}


@pytest.mark.parametrize('case', FATAL)
def test_source_that_cannot_be_converted(tmp_path, case):
    damage, arguments, sentence = FATAL[case]
    source, out = ferplus(tmp_path / 'in'), tmp_path / 'out'
    convert_ferplus([source], out)
    files = {p: p.read_bytes() for p in out.rglob('*') if p.suffix in ('.json', '.png')}
    damage(source)
    with pytest.raises(ConversionError, match=sentence):
        convert_ferplus([source], out, **arguments)
    assert {p: p.read_bytes() for p in files} == files


def test_wrong_pixels_in_the_csv_are_skipped(tmp_path):
    source = ferplus(tmp_path / 'in')
    _pixels(source)
    text = (source / 'fer2013.csv').read_text().splitlines()
    text[3] = '0,1 2 3,Training'
    (source / 'fer2013.csv').write_text('\n'.join(text))
    lines = convert_ferplus([source], tmp_path / 'out')
    assert 'skipped: unreadable image: 1' in lines


@pytest.mark.parametrize(
    ('lines', 'labels', 'sentence'),
    [
        ('9/fer0000000 6\n', None, "line 1 of .*'9/fer0000000 6' with label '9', expected"),
        ('fer0000000\n', None, "with label '', expected 'label/image crops'"),
        ('0/fer0000000 6\n', '1\n2\n', 'has 2 lines and .* has 1, expected one label for each'),
    ],
)
def test_wrong_list_files(tmp_path, lines, labels, sentence):
    source = ferplus(tmp_path / 'in')
    (tmp_path / 'list.txt').write_text(lines)
    codes = None
    if labels:
        codes = str(tmp_path / 'labels.txt')
        Path(codes).write_text(labels)
    lists = {'train': (str(tmp_path / 'list.txt'), codes)}
    with pytest.raises(ConversionError, match=sentence):
        convert_ferplus([source], tmp_path / 'out', protocol='lists', lists=lists)


OTHERS = {
    'no source': (lambda p: convert_rafdb([p / 'gone'], p / 'o'), "no file or folder .*gone'"),
    'RAF-DB without labels': (
        lambda p: convert_rafdb([fakes.write_sfew(p / 's', True)], p / 'o'),
        'source: no EmoLabel/list_patition_label.txt or list_patition_label.txt in',
    ),
    'RAF-DB image kind': (
        lambda p: convert_rafdb([p], p / 'o', image='raw'),
        "image: got 'raw', expected 'aligned' or 'original'",
    ),
    'AffectNet of neither release': (
        lambda p: convert_affectnet([fakes.write_sfew(p / 's', True)], p / 'o'),
        'neither training.csv, validation.csv nor train_set/images',
    ),
    'AffectNet npy has no boxes': (
        lambda p: convert_affectnet([fakes.write_affectnet_npy(p / 's', 1)], p / 'o', faces='box'),
        "faces: got 'box', expected whole or align for this release",
    ),
    'SFEW of the other form': (
        lambda p: convert_sfew([fakes.write_sfew(p / 's', True)], p / 'o', faces='film'),
        r'faces: no film images in the source, expected Train/<Class>/\*.png',
    ),
    'nothing convertible': (
        lambda p: (
            [f.write_bytes(b'') for f in fakes.write_sfew(p / 's', True).rglob('*.png')],
            convert_sfew([p / 's'], p / 'o'),
        ),
        r'source: no image could be converted \(14 x unreadable image\)',
    ),
    'landmarks for no images': (
        lambda p: extract_landmarks(str(annotation(p, [GOOD])), str(p / 'gone')),
        "root: no folder .*gone'",
    ),
    'pose without landmarks': (
        lambda p: annotate_pose(str(annotation(p, [GOOD])), str(p / 'o')),
        'no row of .* has five visible landmarks; run `python tools/.*extract_landmarks.py',
    ),
    'pose of an unknown angle': (
        lambda p: annotate_pose(str(annotation(p, [GOOD])), str(p / 'o'), angles=['tilt']),
        r"angles: got \['tilt'\], expected some of yaw, pitch, roll",
    ),
}


@pytest.mark.parametrize('case', OTHERS)
def test_wrong_source_of_another_data_set(tmp_path, case):
    convert, sentence = OTHERS[case]
    with pytest.raises(ConversionError, match=sentence):
        convert(tmp_path)


def test_encrypted_zip_and_member_that_unpacks_too_far(tmp_path):
    source = ferplus(tmp_path / 'in')
    (source / IMAGE).unlink()
    with zipfile.ZipFile(source / 'FER2013Train.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('fer0000002.png', b'\0' * (65 << 20))
    convert_ferplus([source], tmp_path / 'out')
    listed = json.loads((tmp_path / 'out/report.json').read_text())['skipped']
    assert re.search('unpacks to more than 64 MiB', listed['unreadable image'][0])
    data = bytearray((source / 'FER2013Train.zip').read_bytes())
    data[data.rfind(b'PK\x01\x02') + 8] |= 1
    (source / 'FER2013Train.zip').write_bytes(data)
    convert_ferplus([source], tmp_path / 'out')
    listed = json.loads((tmp_path / 'out/report.json').read_text())['skipped']
    assert re.search('is encrypted; unpack the archive', listed['unreadable image'][0])


def test_broken_npy_and_pickled_npy_are_missing_annotations(tmp_path):
    root = fakes.write_affectnet_npy(tmp_path / 'in', 4)
    (root / 'train_set/annotations/0_exp.npy').write_bytes(b'\x93NUMPY')
    np.save(root / 'train_set/annotations/1_exp.npy', np.array({'a': 1}), allow_pickle=True)
    lines = convert_affectnet([root], tmp_path / 'out')
    assert 'skipped: missing annotation: 2' in lines


def test_unwritable_output_is_one_sentence(tmp_path):
    source = ferplus(tmp_path / 'in')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/images').write_text('a file is in the way')
    with pytest.raises(ConversionError, match='out: cannot write .*; free space or choose --out'):
        convert_ferplus([source], tmp_path / 'out')
