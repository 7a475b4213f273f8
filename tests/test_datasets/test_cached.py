"""Decoded images in shared memory, and files in LMDB."""

from __future__ import annotations

import json
import multiprocessing
import pickle

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from test_tools.conftest import ROOT, run_script
from torch.utils.data import DataLoader

from ranfer.datasets import FERDataset
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.transforms import LoadCachedFaceImage, LoadFaceImage

CLASSES = ('a', 'b')


@pytest.fixture
def root(tmp_path):
    rows = []
    for i in range(6):
        image = np.random.default_rng(i).integers(0, 256, (8 + i, 9, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'{i}.png'), image)
        rows.append(dict(img_path=f'{i}.png', gt_label=i % 2))
    text = json.dumps(dict(metainfo=dict(classes=CLASSES), data_list=rows))
    (tmp_path / 'train.json').write_text(text)
    return tmp_path


def dataset(root, **step) -> FERDataset:
    return FERDataset(ann_file='train.json', data_root=str(root), pipeline=[step])


@pytest.mark.parametrize('color_type', ['color', 'grayscale'])
def test_second_look_needs_no_file(root, color_type):
    plain = dataset(root, type='ranfer.LoadFaceImage', color_type=color_type)
    expected = [plain[i] for i in range(6)]
    cached = dataset(root, type='ranfer.LoadCachedFaceImage', cache_mb=1, color_type=color_type)
    for _ in range(2):
        for i, want in enumerate(expected):
            found = cached[i]
            np.testing.assert_array_equal(found['img'], want['img'])
            assert found['img_shape'] == found['ori_shape'] == want['img_shape']
            found['img'][:] = 0  # later steps may write into their image
            (root / f'{i}.png').unlink(missing_ok=True)


def test_images_of_16_bits_stay_as_they_are(root):
    image = np.random.default_rng(0).integers(0, 1 << 16, (8, 9), dtype=np.uint16)
    cv2.imwrite(str(root / '0.png'), image)
    cached = dataset(root, type='ranfer.LoadCachedFaceImage', cache_mb=1, color_type='unchanged')
    for _ in range(2):
        np.testing.assert_array_equal(cached[0]['img'], image)


@pytest.mark.skipif(
    'fork' not in multiprocessing.get_all_start_methods(), reason='shared by forked workers only'
)
def test_workers_share_what_one_has_decoded(root):
    data = dataset(root, type='ranfer.LoadCachedFaceImage', cache_mb=1)
    loader = DataLoader(
        data, num_workers=2, collate_fn=pseudo_collate, multiprocessing_context='fork'
    )
    first = [batch['img'][0] for batch in loader]
    for path in root.glob('*.png'):
        path.unlink()
    again = [batch['img'][0] for batch in loader]  # new workers
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert np.array_equal(data[3]['img'], first[3])


def test_a_subset_gets_its_own_images(root):
    data = dataset(root, type='ranfer.LoadCachedFaceImage', cache_mb=1)
    images = [data[i]['img'] for i in range(6)]
    data.get_subset_([4, 1, 5])
    for _ in range(2):
        for position, index in enumerate([4, 1, 5]):
            np.testing.assert_array_equal(data[position]['img'], images[index])


def test_a_subset_is_kept_as_well(root):
    data = dataset(root, type='ranfer.LoadCachedFaceImage', cache_mb=1)
    assert len([data[i] for i in range(6)]) == 6
    data.get_subset_([4, 1, 5])
    expected = [data[i]['img'] for i in range(3)]
    for path in root.glob('*.png'):
        path.unlink()
    for i, want in enumerate(expected):
        np.testing.assert_array_equal(data[i]['img'], want)


def test_names_need_not_be_utf8(root):
    step = LoadCachedFaceImage(cache_mb=1)
    path = str(root / 'caf\udce9.png')
    (root / '0.png').rename(path)
    for _ in range(2):
        image = step(dict(img_path=path, sample_idx=0))['img']
        assert image.shape == (8, 9, 3)


def test_full_memory_decodes_on(root, monkeypatch):
    step = LoadCachedFaceImage(cache_mb=1)
    step._store._table[-1, 0] = 2**20 - 300  # room for one image
    paths = [str(root / f'{i}.png') for i in range(3)]
    for _ in range(2):
        images = [step(dict(img_path=p, sample_idx=i))['img'] for i, p in enumerate(paths)]
    assert [int(end > 0) for end in step._store._table[:3, 0]] == [1, 0, 0]
    for path, image in zip(paths, images):
        np.testing.assert_array_equal(image, LoadFaceImage()(dict(img_path=path))['img'])
    big = step(dict(img_path=paths[0], sample_idx=2**40))
    assert big['img'].shape == (8, 9, 3)


def test_can_be_sent_to_a_process(root):
    step = pickle.loads(pickle.dumps(LoadCachedFaceImage(cache_mb=1, color_type='grayscale')))
    assert step(dict(img_path=str(root / '0.png'), sample_idx=0))['img'].shape == (8, 9)


@pytest.mark.parametrize(('keys', 'part'), [(dict(cache_mb=0), 'cache_mb must'), (
    dict(cache_mb=1, to_float32=True), 'to_float32')])  # fmt: skip
def test_errors(keys, part):
    with pytest.raises(ValueError, match=part):
        LoadCachedFaceImage(**keys)


def test_lmdb_through_mmengine(root, capsys):
    pytest.importorskip('lmdb')
    expected = [dataset(root, type='ranfer.LoadFaceImage')[i]['img'] for i in range(6)]
    run_script(ROOT / 'tools/dataset_converters/to_lmdb.py', root, 'train.json')
    assert '6 images' in capsys.readouterr().out
    for path in root.glob('*.png'):
        path.unlink()
    backend = dict(backend='lmdb', db_path=str(root / 'images.lmdb'))
    data = dataset(root, type='ranfer.LoadFaceImage', backend_args=backend)
    for i, want in enumerate(expected):
        np.testing.assert_array_equal(data[i]['img'], want)
    step = LoadFaceImage(backend_args=backend)
    with pytest.raises(ValueError, match="'none.png' is no key of the database, expected"):
        step(dict(img_path='none.png'))


def test_lmdb_takes_a_second_split_and_refuses_what_it_cannot_give_back(tmp_path, capsys):
    lmdb = pytest.importorskip('lmdb')
    for split, count in dict(train=1, valid=40).items():
        rows = [{'img_path': f'{split}{i}.png', 'gt_label': 0} for i in range(count)]
        for row in rows:  # far more than the room a small split asks for
            noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / row['img_path']), noise)
        save_annotation(tmp_path / f'{split}.json', {'classes': ['x']}, rows)
    script = ROOT / 'tools/dataset_converters/to_lmdb.py'
    for split in ('valid', 'train'):
        run_script(script, tmp_path, f'{split}.json')
    with lmdb.open(str(tmp_path / 'images.lmdb'), readonly=True) as database:
        assert database.stat()['entries'] == 41
    save_annotation(
        tmp_path / 'odd.json', {'classes': ['x']}, [{'img_path': 'é.png', 'gt_label': 0}]
    )
    with pytest.raises(SystemExit):
        run_script(script, tmp_path, 'odd.json')
    assert 'rename it in ASCII' in capsys.readouterr().err
    save_annotation(tmp_path / 'odd.json', {'classes': ['x']}, [{'gt_label': 0}])
    with pytest.raises(SystemExit):
        run_script(script, tmp_path, 'odd.json')
    assert 'Error: img_path: row 0 of ' in capsys.readouterr().err
