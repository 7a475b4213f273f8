import json
import shutil
from collections import Counter

import cv2
import numpy as np
import pytest

from ranfer.datasets.annotation import check_rows, load_annotation
from ranfer.datasets.synthetic import CLASSES, generate
from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import Parameters, sample_part_face

SMALL = dict(train=40, val=14, test=28, occlusion=21, pose30=14, pose45=14, size=48)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('synthfer')
    assert generate_synthfer(folder, Parameters(**SMALL), progress=False) == [
        'train',
        'val',
        'test',
    ]
    return folder


def rows_of(folder, split):
    return load_annotation(str(folder / f'{split}.json'))['data_list']


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_counts_classes_and_files(root):
    sizes = {split: len(rows_of(root, split)) for split in ('train', 'val', 'test')}
    assert sizes == {'train': 40, 'val': 14, 'test': 28 + 21 + 14 + 14}
    for split in sizes:
        rows = rows_of(root, split)
        check_rows(rows, split, 7)
        counts = Counter(row['gt_label'] for row in rows)
        assert max(counts.values()) - min(counts.values()) <= 1
        for row in rows:
            assert cv2.imread(str(root / row['img_path'])).shape == (48, 48, 3)
    meta = load_annotation(str(root / 'test.json'))['metainfo']
    assert meta['classes'] == list(CLASSES)
    assert meta['dataset'] == 'SynthFER'


def test_conditions_follow_from_the_ground_truth(root):
    rows = rows_of(root, 'test')
    for row in rows:
        conditions = set(row['conditions'])
        assert ('pose30' in conditions) == (abs(row['yaw']) > 30)
        assert ('pose45' in conditions) == (abs(row['yaw']) > 45)
        assert ('occlusion' in conditions) == (row['occluder'] not in (None, 'glasses'))
        assert ('natural' in conditions) == row['img_path'].startswith('images/test/')
        assert (row['occluder_box'] is None) <= (row['occluder'] is None)
    parts = Counter(row['img_path'].split('/')[1] for row in rows)
    assert parts == {'test': 28, 'occlusion': 21, 'pose30': 14, 'pose45': 14}
    assert all(
        row['conditions'] == ['occlusion'] for row in rows if '/occlusion/' in row['img_path']
    )
    assert all('pose45' in row['conditions'] for row in rows if '/pose45/' in row['img_path'])


def test_people_of_the_splits_are_disjoint(root):
    people = [
        {row['identity'] for row in rows_of(root, split)} for split in ('train', 'val', 'test')
    ]
    assert not people[0] & people[1]
    assert not people[0] & people[2]
    assert not people[1] & people[2]


def test_one_seed_gives_the_same_bytes_and_workers_do_not_matter(root, tmp_path):
    generate_synthfer(tmp_path, Parameters(**SMALL), workers=2, progress=False)
    assert files_of(tmp_path) == files_of(root)


def test_another_seed_gives_other_faces(root, tmp_path):
    generate_synthfer(tmp_path, Parameters(**SMALL, seed=1), splits=('val',), progress=False)
    assert not (tmp_path / 'train.json').exists()
    for old, new in zip(rows_of(root, 'val'), rows_of(tmp_path, 'val')):
        assert old['keypoints'] != new['keypoints']


def test_finished_splits_are_left_alone(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    assert generate_synthfer(root, Parameters(**SMALL), progress=False) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob('*')} == before


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, 'CHUNK', 10)
    parameters = Parameters(train=30, size=32)
    drawn = []
    draw_one = generate.sample_part_face

    def stop_at_15(part, index, seed):
        drawn.append(index)
        if index == 15 and drawn.count(15) == 1:
            raise KeyboardInterrupt
        return draw_one(part, index, seed)

    monkeypatch.setattr(generate, 'sample_part_face', stop_at_15)
    with pytest.raises(KeyboardInterrupt):
        generate_synthfer(tmp_path, parameters, splits=('train',), progress=False)
    assert not (tmp_path / 'train.json').exists()
    assert [p.name for p in (tmp_path / 'images/train').iterdir()] == ['0000']
    generate_synthfer(tmp_path, parameters, splits=('train',), progress=False)
    assert drawn.count(5) == 1
    assert drawn.count(25) == 1
    assert len(rows_of(tmp_path, 'train')) == 30


def test_other_parameters_replace_what_is_there(tmp_path):
    for size in (32, 40):
        generate_synthfer(tmp_path, Parameters(val=7, size=size), splits=('val',), progress=False)
        row = rows_of(tmp_path, 'val')[0]
        assert cv2.imread(str(tmp_path / row['img_path'])).shape[0] == size


def test_growing_keeps_the_first_images(tmp_path):
    generate_synthfer(tmp_path, Parameters(val=7, size=32), splits=('val',), progress=False)
    first = rows_of(tmp_path, 'val')
    generate_synthfer(tmp_path, Parameters(val=14, size=32), splits=('val',), progress=False)
    assert rows_of(tmp_path, 'val')[:7] == first


def test_a_faster_process_wins(tmp_path):
    chunk = next(generate._chunks(Parameters(val=4, size=32), ('val',)))
    generate._write_chunk(tmp_path, chunk)
    before = files_of(tmp_path)
    generate._write_chunk(tmp_path, chunk)
    assert files_of(tmp_path) == before


def test_natural_mix_has_pose_and_some_occlusion():
    faces = [sample_part_face('train', i, 0)[0] for i in range(600)]
    yaw = np.array([face.view.yaw for face in faces])
    assert 15 < yaw.std() < 25
    assert np.abs(yaw).max() <= 65
    opaque = [any(x.kind != 'glasses' for x in face.occluders) for face in faces]
    assert 0.08 < np.mean(opaque) < 0.17


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(train=-1), 'train=-1: use a whole number of at least 0'),
        (dict(size=8), 'size=8: use a whole number of at least 32'),
        (dict(suffix='gif'), "suffix='gif' is unknown"),
    ],
)
def test_wrong_parameters_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Parameters(**change)


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match='val=0: the split would be empty'):
        generate_synthfer(tmp_path, Parameters(val=0), splits=('val',), progress=False)


def test_damaged_annotation_is_made_again(tmp_path):
    parameters = Parameters(val=7, size=32)
    generate_synthfer(tmp_path, parameters, splits=('val',), progress=False)
    text = (tmp_path / 'val.json').read_text()
    (tmp_path / 'val.json').write_text(text[:40])
    assert generate_synthfer(tmp_path, parameters, splits=('val',), progress=False) == ['val']
    assert json.loads((tmp_path / 'val.json').read_text()) == json.loads(text)


def test_more_in_the_annotation_stays_and_lost_images_are_made_again(tmp_path):
    parameters = Parameters(train=6, size=32)
    generate_synthfer(tmp_path, parameters, splits=('train',), progress=False)
    file = tmp_path / 'train.json'
    file.write_text(file.read_text().replace('{"dataset"', '{"landmarks": "MTCNN", "dataset"', 1))
    assert generate_synthfer(tmp_path, parameters, splits=('train',), progress=False) == []
    assert load_annotation(str(file))['metainfo']['landmarks'] == 'MTCNN'
    shutil.rmtree(tmp_path / 'images')
    assert generate_synthfer(tmp_path, parameters, splits=('train',), progress=False) == ['train']
    assert len(list(tmp_path.rglob('*.jpg'))) == 6
