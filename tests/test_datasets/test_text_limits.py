"""Huge lines, files and nestings end in one sentence and in bounded memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from mmengine.fileio import BaseStorageBackend, register_backend

from ranfer.datasets import FERDataset, parse_condition_list, text
from ranfer.datasets.converters import ConversionError
from ranfer.datasets.converters.ferplus import COLUMNS, read_label_lists, read_votes
from ranfer.datasets.converters.report import Report
from ranfer.datasets.converters.source import Source
from ranfer.datasets.text import TextLimitError, bounded_lines

SPARSE = """
import json, os, resource, sys
from ranfer.datasets import FERDataset, parse_condition_list
from ranfer.datasets.converters.ferplus import read_label_lists, read_votes
from ranfer.datasets.converters.report import Report
from ranfer.datasets.converters.source import Source

for name in ('list.txt', 'train.json', 'fer2013new.csv', 'labels.txt'):
    with open(name, 'wb') as file:
        file.truncate(2 << 30)  # two gigabytes without a newline, which take no room on the disk

def source(name):
    return Source([name], Report())

reads = [
    lambda: parse_condition_list('list.txt'),
    lambda: FERDataset('train.json'),
    lambda: read_votes(source('fer2013new.csv'), Report()),
    lambda: read_label_lists(source('labels.txt'), 'labels.txt', None),
]
sentences, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for read in reads:
    try:
        read()
    except ValueError as error:
        sentences.append(str(error))
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([used / 1024, sentences]))
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='sparse files and the unit of ru_maxrss')
def test_two_gigabytes_in_one_line_are_refused_in_bounded_memory(tmp_path):
    run = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SPARSE],
        cwd=tmp_path,
        env=os.environ | dict(PYTHONPATH=str(Path(__file__).parents[2])),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    used, sentences = json.loads(run.stdout.splitlines()[-1])
    line = 'has a line of more than 65536 characters'
    expected = [line, 'has more than 512 MiB', line, line]
    assert len(sentences) == len(expected)
    for sentence, part in zip(sentences, expected):
        assert part in sentence
        assert '\n' not in sentence
    assert used < 64  # MiB


def small_limits(monkeypatch):
    for name, value in (('MAX_LINE', 40), ('MAX_LINES', 5), ('MAX_TEXT', 100), ('MAX_BYTES', 200)):
        monkeypatch.setattr(text, name, value)


@pytest.mark.parametrize(
    ('content', 'part'),
    [
        ('a' * 41, 'a line of more than 40 characters'),
        ('a\n' * 6, 'more than 5 lines'),
        ('a' * 34 + '\n' + 'b' * 34 + '\n' + 'c' * 34, 'or 100 characters'),
    ],
)
def test_limits_of_lines(monkeypatch, content, part):
    small_limits(monkeypatch)
    with pytest.raises(TextLimitError, match=part):
        list(bounded_lines(io.StringIO(content)))


@pytest.mark.parametrize('content', ['', 'a\n' * 5, 'a' * 40, 'a' * 39 + '\n', 'a\nb'])
def test_lines_within_the_limits_are_those_of_the_file(monkeypatch, content):
    small_limits(monkeypatch)
    assert list(bounded_lines(io.StringIO(content))) == content.splitlines(keepends=True)


def test_archive_that_unpacks_to_an_endless_line_is_refused(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / 'a.zip', 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('fer2013new.csv', 'w') as file,
    ):
        for _ in range(16):
            file.write(bytes(1 << 20))
    with pytest.raises(ConversionError, match=r'fer2013new\.csv has a line of more than'):
        read_votes(Source([tmp_path / 'a.zip'], Report()), Report())


def test_list_and_annotation_say_what_to_do(tmp_path, monkeypatch):
    small_limits(monkeypatch)
    (tmp_path / 'list.txt').write_text('a.png\n' * 9)
    with pytest.raises(ValueError, match='more than 5 lines .*; give a list with one image a line'):
        parse_condition_list(str(tmp_path / 'list.txt'))
    (tmp_path / 'train.json').write_text(' ' * 300)
    with pytest.raises(ValueError, match='has more than 0 MiB, expected an annotation; correct'):
        FERDataset('train.json', str(tmp_path))
    (tmp_path / 'labels.txt').write_text('0/a 1\n' * 6)
    with pytest.raises(ConversionError, match="expected the owners' list; download it again"):
        read_label_lists(Source([tmp_path / 'labels.txt'], Report()), 'labels.txt', None)


@pytest.mark.parametrize('opening', ['[', '{"a":', '{"metainfo": {}, "data_list": [[{"a":['])
def test_deep_nesting_is_one_sentence(tmp_path, opening):
    (tmp_path / 'train.json').write_text(opening * 200_000)
    with pytest.raises(ValueError, match=r'ann_file: .* is nested too deeply, expected an annot'):
        FERDataset('train.json', str(tmp_path))


ROW = {'img_path': 'a.png', 'gt_label': 0}
HOSTILE = {
    'label beyond 64 bits': ({'gt_label': 10**30}, 'gt_label: row 0'),
    'negative beyond 64 bits': ({'gt_label': -(10**30)}, 'gt_label: row 0'),
    'landmark beyond floats': ({'keypoints': [[10**400, 0]] * 5}, 'keypoints: row 0'),
    'landmark beyond float32': ({'keypoints': [[1e300, 0]] * 5}, 'keypoints: row 0 .*at most 1e'),
    'scores are a number': ({'gt_score': 3}, 'gt_score: row 0'),
    'scores are ragged': ({'gt_score': [[1], [0, 1]]}, 'gt_score: row 0'),
    'nested values': ({'bbox': json.loads('[' * 200 + ']' * 200)}, 'bbox: row 0'),
    'path outside': ({'img_path': '../../secret.png'}, 'img_path: row 0 .*below the folder'),
    'absolute path': ({'img_path': '/etc/secret.png'}, 'img_path: row 0 .*below the folder'),
    'drive letter': ({'img_path': 'C:\\secret.png'}, 'img_path: row 0 .*below the folder'),
    'zero byte': ({'img_path': 'a\0.png'}, 'img_path: row 0 .*below the folder'),
}


@pytest.mark.parametrize('classes', [None, ['x', 'y']])
@pytest.mark.parametrize('case', HOSTILE)
def test_hostile_row_is_one_sentence(tmp_path, case, classes):
    values, sentence = HOSTILE[case]
    info = {} if classes is None else {'classes': classes}
    content = {'metainfo': info, 'data_list': [{**ROW, **values}]}
    (tmp_path / 'train.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=sentence) as error:
        FERDataset('train.json', str(tmp_path))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize('classes', [3, 'ab', [1, 2], [], ['a', None], {'a': 1}])
def test_classes_of_another_kind(tmp_path, classes):
    content = {'metainfo': {'classes': classes}, 'data_list': [ROW]}
    (tmp_path / 'train.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'ann_file: .*classes.*a list of names'):
        FERDataset('train.json', str(tmp_path))


def test_conditions_may_be_null(tmp_path):
    content = {'metainfo': {}, 'data_list': [{**ROW, 'conditions': None}]}
    (tmp_path / 'train.json').write_text(json.dumps(content))
    (tmp_path / 'list.txt').write_text('a.png\n')
    data = FERDataset(
        'train.json', str(tmp_path), conditions={'occlusion': str(tmp_path / 'list.txt')}
    )
    assert data.get_data_info(0)['conditions'] == ('occlusion',)


@pytest.mark.parametrize('digits', ['²', '٣', '9' * 5000, '1_0'])
def test_votes_are_plain_digits(tmp_path, digits):
    head = f'Usage,Image name,{",".join(COLUMNS)}'
    rest = ',0' * 9
    (tmp_path / 'fer2013new.csv').write_text(
        f'{head}\nTraining,a.png,{digits}{rest}\nTraining,b.png,9{rest}\n', encoding='utf-8'
    )
    report = Report()
    rows, total = read_votes(Source([tmp_path / 'fer2013new.csv'], report), report)
    assert [row.name for row in rows] == ['b.png'] and total == 2
    assert report.counts == {'wrong votes': 1}


def test_table_that_csv_cannot_read_is_one_sentence(tmp_path):
    (tmp_path / 'fer2013new.csv').write_bytes(b'"a\r' + b'x\n' * 60_000)
    with pytest.raises(ConversionError, match='no table of comma-separated values|no column'):
        read_votes(Source([tmp_path / 'fer2013new.csv'], Report()), Report())


class Memory(BaseStorageBackend):
    """A store elsewhere that holds one text with a byte order mark."""

    def get(self, filepath):
        return '\ufeff{"ü": 1}'.encode()

    def get_text(self, filepath, encoding='utf-8'):
        return self.get(filepath).decode(encoding)


def test_a_text_elsewhere_has_no_byte_order_mark_either():
    register_backend('ranfer_test', Memory, prefixes='ranfer-test', force=True)
    assert text.read_text('ranfer-test://a.json') == '{"ü": 1}'
