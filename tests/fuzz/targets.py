"""What is fuzzed: functions of bytes that end in a result or in the documented error."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import MMLogger
from PIL import Image

from ranfer.apis.images import as_image, read_image
from ranfer.datasets import FERDataset, parse_condition_list
from ranfer.datasets.annotation import RESERVED
from ranfer.datasets.converters import ConversionError
from ranfer.datasets.converters.affectnet import _csv_rows, _load_npy
from ranfer.datasets.converters.ferplus import COLUMNS, read_label_lists, read_votes, vote_labels
from ranfer.datasets.converters.images import SkipImage
from ranfer.datasets.converters.rafdb import read_labels, read_landmarks
from ranfer.datasets.converters.report import Report
from ranfer.datasets.converters.source import Member, MemberError, Source
from ranfer.datasets.image_file import MAX_PIXELS
from ranfer.datasets.names import is_safe

_FOLDER = tempfile.TemporaryDirectory(prefix='ranfer_fuzz_', dir=os.environ.get('FUZZ_TMP'))
MMLogger.get_current_instance().setLevel(logging.CRITICAL)


def _file(name: str, data: bytes) -> str:
    path = Path(_FOLDER.name, name)
    path.write_bytes(data)
    return str(path)


def _is_sentence(error: BaseException, *starts: str) -> None:
    """Whether an error is one sentence of ours and not whatever a library raised."""
    text = str(error)
    if not text.startswith(starts) or len(text) > 2000:
        raise AssertionError(f'not a sentence of ranfer: {text!r}') from error


def _source(**files: bytes) -> tuple[Source, Report]:
    report = Report()
    return Source([_file(name, data) for name, data in files.items()], report), report


def condition_list(data: bytes) -> None:
    """A list of images under a condition."""
    try:
        parsed = parse_condition_list(_file('list.txt', data))
    except ValueError as error:
        _is_sentence(error, 'conditions: ')
        return
    names = [entry.name for entry in parsed]
    assert names
    assert all(name and '/' not in name and '\0' not in name for name in names)


def label_list(data: bytes) -> None:
    """The image list and, after a zero byte, the label list of the RAN authors."""
    images, split, labels = data.partition(b'\0')
    source, _ = _source(images=images, labels=labels)
    try:
        found = read_label_lists(source, 'images', 'labels' if split else None)
    except ConversionError as error:
        _is_sentence(error, 'source: ', 'lists: ')
        return
    assert all(0 <= label < 8 for label in found.values())


def votes(data: bytes) -> None:
    """``fer2013new.csv`` of FERPlus."""
    source, report = _source(**{'fer2013new.csv': data})
    try:
        rows, total = read_votes(source, report)
    except ConversionError as error:
        _is_sentence(error, 'source: ')
        return
    assert 0 < len(rows) <= total
    assert all(is_safe(row.name) and '/' not in row.name for row in rows)
    for protocol in ('majority', 'argmax', 'probability'):
        labels, scores = vote_labels(np.asarray([row.votes for row in rows]), protocol)
        assert ((labels >= -1) & (labels < len(COLUMNS) - 2)).all()
        sums = scores.sum(1)
        assert (np.isclose(sums, 1) | (sums == 0)).all()


def affectnet(data: bytes) -> None:
    """``training.csv`` of AffectNet."""
    source, report = _source(**{'training.csv': data})
    source.files['Manually_Annotated_Images/1/a.jpg'] = Member('', 'a.jpg')
    try:
        rows = list(_csv_rows(source, 'training.csv', 'train', report))
    except ConversionError as error:
        _is_sentence(error, 'source: ')
        return
    for _, target, label, _, info in rows:
        assert is_safe(target)
        assert 0 <= label < 8
        assert info['points'] is None or np.shape(info['points']) == (68, 2)


def rafdb(data: bytes) -> None:
    """``list_patition_label.txt`` and, after a zero byte, a landmark file of RAF-DB."""
    labels, _, points = data.partition(b'\0')
    source, report = _source(**{'list_patition_label.txt': labels})
    try:
        found = read_labels(source, report)
    except ConversionError as error:
        _is_sentence(error, 'source: ')
    else:
        assert all(is_safe(name) and 0 <= label < 7 for name, label in found.items())
    with contextlib.suppress(SkipImage):
        assert np.isfinite(read_landmarks(points.decode('latin-1'))).all()


def npy(data: bytes) -> None:
    """A ``.npy`` annotation of AffectNet."""
    source, _ = _source(**{'0_exp.npy': data})
    array = _load_npy(source, '0_exp.npy')
    assert array is None or isinstance(array, np.ndarray)


def annotation(data: bytes) -> None:
    """An annotation file, read into a data set."""
    path = _file('train.json', data)
    try:
        data_set = FERDataset(path)
    except ValueError as error:
        keys = 'ann_file data_list img_path gt_label bbox keypoints gt_score conditions metainfo'
        _is_sentence(error, *keys.split(), *RESERVED)
        return
    for index in range(len(data_set)):
        sample = data_set[index]
        points = sample.get('gt_keypoints', np.zeros((1, 5, 3), np.float32))
        assert points.shape == (1, 5, 3)
        assert np.isfinite(points).all()
        assert is_safe(sample['img_path'])
    data_set.get_gt_labels()


def archive(data: bytes) -> None:
    """A zip file of a data set's owner; every member is read."""
    report = Report()
    try:
        source = Source([_file('a.zip', data)], report)
    except ConversionError as error:
        _is_sentence(error, 'source: ')
        return
    for name, member in source.files.items():
        assert is_safe(name)
        with contextlib.suppress(MemberError):
            assert len(member.read(1 << 16)) <= 1 << 16


def image(data: bytes) -> None:
    """An image file, as the inferencer and the web page read it."""
    try:
        picture = read_image(_file('a.png', data))
    except ValueError as error:
        _is_sentence(error, 'Image ')
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert 0 < picture.shape[0] * picture.shape[1] <= MAX_PIXELS
    assert as_image(picture).shape == picture.shape


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function
    for function in (
        condition_list,
        label_list,
        votes,
        affectnet,
        rafdb,
        npy,
        annotation,
        archive,
        image,
    )
}


def _images() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    picture, found = Image.fromarray(pixels), []
    for kind in ('BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP'):
        for mode in ('RGB', 'L', 'P'):
            buffer = io.BytesIO()
            try:
                picture.convert(mode).save(buffer, kind)
            except (OSError, ValueError, SystemError):
                continue
            found.append(buffer.getvalue())
    deep = pixels.astype(np.uint16) * 256
    found += [cv2.imencode(suffix, deep)[1].tobytes() for suffix in ('.png', '.tiff', '.ppm')]
    return found


def _annotations() -> list[bytes]:
    row = {
        'img_path': 'a/b.png',
        'gt_label': 1,
        'gt_score': [0.5, 0.5],
        'bbox': [0, 0, 9, 9],
        'keypoints': [[1, 2]] * 5,
        'keypoints_visible': [1, 1, 0, 1, 1],
        'conditions': ['pose30'],
    }
    info = {'classes': ['a', 'b'], 'dataset': 'x', 'protocol': 'y'}
    pairs = [(info, [row]), ({}, [row, {'img_path': 'c.png', 'gt_label': 0}])]
    return [json.dumps({'metainfo': m, 'data_list': rows}).encode() for m, rows in pairs]


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as file:
        file.writestr('a/b.png', b'x' * 40, zipfile.ZIP_DEFLATED)
        file.writestr('c.txt', b'plain')
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def seeds(name: str) -> list[bytes]:
    """Well formed inputs of a target, from which a fuzzer starts."""
    marks = ';'.join(['1.5'] * 136)
    fields = 'subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,'
    head = f'Usage,Image name,{",".join(COLUMNS)}\n'
    texts = {
        'condition_list': [
            '2_fer0033359.png 8 2\n1/a.jpg\ntest_0003_aligned 3 4\nval/0/h/\n7/h/8.jpg'
        ],
        'label_list': ['7/fer0032220 6\n1/b.png 2\n', 'x/a 1\ny/b 1\x003\n4\n'],
        'votes': [f'{head}Training,a.png,0,0,8,2,0,0,0,0,0,0\nPublicTest,b.png,{"1," * 9}1\n'],
        'affectnet': [f'{fields}expression,valence,arousal\n1/a.jpg,1,2,9,9,{marks},3,0.1,0.2\n'],
        'rafdb': ['train_00001.jpg 5\ntest_0002.jpg 7\n\0' + '1.5\t2\n' * 5 + '0\n'],
    }
    others = {
        'npy': [_npy(np.array('3')), _npy(np.zeros(4)), _npy(np.arange(3))],
        'annotation': _annotations(),
        'archive': [_zip()],
        'image': _images(),
    }
    return [text.encode() for text in texts.get(name, ())] + others.get(name, [])
