"""Whatever a list, table or annotation holds, it ends in a result or in one sentence."""

from __future__ import annotations

import json
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from fuzz.targets import TARGETS, seeds
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ranfer.datasets import FERDataset, parse_condition_list
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters.ferplus import COLUMNS, read_votes, vote_labels
from ranfer.datasets.converters.report import Report
from ranfer.datasets.converters.source import Source
from ranfer.datasets.names import is_safe

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
names = st.text('abcXYZ019_-', min_size=1, max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
KEYS = ('img_path', 'gt_label', 'gt_score', 'bbox', 'keypoints', 'keypoints_visible', 'conditions')


TEXT_TARGETS = ('condition_list', 'label_list', 'votes', 'affectnet', 'rafdb')


@pytest.mark.parametrize('name', TEXT_TARGETS)
@given(data=st.data())
@quick
def test_any_bytes_and_any_change_of_good_ones(name, data):
    good = seeds(name)[0]
    noise = data.draw(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    TARGETS[name](noise)
    TARGETS[name](good[:start] + noise + good[end:])


@given(st.lists(st.tuples(names, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9))
@quick
def test_condition_list_that_was_written_is_read(tmp_path, rows):
    path = tmp_path / 'list.txt'
    path.write_text(''.join(f'{name} {label} {kind}\n' for name, label, kind in rows))
    parsed = parse_condition_list(str(path))
    first = {name: str(kind) for name, _, kind in reversed(rows)}
    assert {entry.name: entry.kind for entry in parsed} == first
    assert len(parsed) == len(first)


@given(
    st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), min_size=1, max_size=9),
    st.lists(st.text(max_size=30), max_size=4),
)
@example([[0] * 10], ['\0'])
@quick
def test_votes_survive_any_lines_between_them(tmp_path, votes, noise):
    lines = [f'Usage,Image name,{",".join(COLUMNS)}']
    lines += [f'Training,fer{i}.png,{",".join(map(str, row))}' for i, row in enumerate(votes)]
    lines += [line.replace('"', '').replace('\r', '').replace('\n', '') for line in noise]
    path = tmp_path / 'fer2013new.csv'
    path.write_bytes('\n'.join(lines).encode())
    rows, total = read_votes(Source([path], Report()), Report())
    assert [list(row.votes) for row in rows[: len(votes)]] == votes
    assert total >= len(votes)


@given(st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), min_size=1, max_size=9))
@quick
def test_labels_and_distributions_of_any_votes(votes):
    votes = np.asarray(votes)
    for protocol in ('majority', 'argmax', 'probability'):
        labels, scores = vote_labels(votes, protocol)
        assert ((labels >= -1) & (labels < 8)).all()
        sums = scores.sum(1)
        assert (np.isclose(sums, 1) | (sums == 0)).all()
        assert (scores >= 0).all()
    labels, scores = vote_labels(votes, 'majority')
    kept = labels >= 0
    assert (scores[kept, labels[kept]] >= 0.5).all()


@given(st.dictionaries(st.sampled_from(KEYS), json_values), json_values)
@quick
def test_annotation_of_any_values(values, classes):
    row = {'img_path': 'a.png', 'gt_label': 0, **values}
    content = {'metainfo': {'classes': classes}, 'data_list': [row]}
    TARGETS['annotation'](json.dumps(content).encode())


coordinates = st.floats(-1e6, 1e6, width=32)
pairs = st.lists(coordinates, min_size=2, max_size=2)
good_rows = st.fixed_dictionaries(
    {'img_path': names.map('images/{}.png'.format), 'gt_label': st.integers(0, 2)},
    optional={
        'bbox': st.lists(coordinates, min_size=4, max_size=4).map(sorted),
        'keypoints': st.lists(
            st.lists(coordinates, min_size=2, max_size=2), min_size=5, max_size=5
        ),
        'keypoints_visible': st.lists(st.integers(0, 1), min_size=5, max_size=5),
        'conditions': st.lists(names, max_size=3),
    },
)


@given(st.lists(good_rows, min_size=1, max_size=6))
@quick
def test_annotation_that_was_written_is_read(tmp_path, rows):
    save_annotation(tmp_path / 'train.json', {'classes': ['a', 'b', 'c']}, rows)
    data = FERDataset('train.json', str(tmp_path))
    assert data.get_gt_labels().tolist() == [row['gt_label'] for row in rows]
    for index, row in enumerate(rows):
        sample = data.get_data_info(index)
        assert sample['conditions'] == tuple(row.get('conditions', ()))
        if 'keypoints' in row:
            points = np.asarray(row['keypoints'], np.float32)
            np.testing.assert_array_equal(sample['gt_keypoints'][0, :, :2], points)


@pytest.mark.parametrize('name', ['../a', 'a/../b', '/a', '\\a', 'C:a', '..\\a', 'a\0', ''])
def test_names_that_lead_outside(name):
    assert not is_safe(name)


@given(st.text('ab./\\:\0C', max_size=12))
def test_a_safe_name_stays_inside(name):
    for path in (PurePosixPath, PureWindowsPath):
        if is_safe(name):
            assert not path(name).is_absolute()
            assert '..' not in path(name).parts
