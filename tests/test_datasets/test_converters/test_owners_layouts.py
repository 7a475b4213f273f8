"""Fake archives of RAF-DB, AffectNet and SFEW through converter and data set."""

import argparse
import json
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from test_datasets import fakes

from ranfer.datasets import RAFDB, SFEW, AffectNet
from ranfer.datasets.converters import convert_affectnet, convert_rafdb, convert_sfew
from ranfer.datasets.converters.cli import add_size
from ranfer.landmarks.align import face_template


def report(out):
    return json.loads((out / 'report.json').read_text())


def test_rafdb_aligned_with_broken_files(tmp_path):
    root = fakes.write_rafdb(tmp_path / 'basic')
    (root / 'Image/aligned/train_00002_aligned.jpg').write_bytes(b'')
    (root / 'Image/aligned/train_00003_aligned.jpg').unlink()
    shutil.copy(
        root / 'Image/aligned/test_00001_aligned.jpg', root / 'Image/aligned/test_00099_aligned.jpg'
    )
    with (root / 'EmoLabel/list_patition_label.txt').open('a') as file:
        file.write('test_00001.jpg 2\ntest_00008.jpg 9\nnonsense\n')
    lines = convert_rafdb([root], tmp_path / 'out')
    assert report(tmp_path / 'out')['counts'] == {
        'duplicate': 1,
        'missing annotation': 1,
        'missing image': 1,
        'unknown label': 1,
        'unknown line': 1,
        'unreadable image': 1,
    }
    assert 'DIFFERENCE: train has 5 images, published are 12271 (-12266)' in lines
    data = RAFDB(data_root=str(tmp_path / 'out'), ann_file='test.json')
    assert data.get_gt_labels().tolist() == list(range(7))
    assert data.metainfo['classes'][0] == 'surprise'


def test_rafdb_originals_keep_the_manual_landmarks(tmp_path):
    """A similarity cannot fit five points exactly, so the residual is bounded, not zero."""
    root = fakes.write_rafdb(tmp_path / 'basic', 1, 1)
    manual = root / 'Annotation/manual/train_00001_manu_attri.txt'
    manual.write_text(manual.read_text(), encoding='utf-8-sig')  # as an editor may leave it
    convert_rafdb([root], tmp_path / 'out', image='original', size=112)
    data = RAFDB(data_root=str(tmp_path / 'out'), ann_file='train.json')
    info = data.get_data_info(0)
    assert cv2.imread(info['img_path']).shape == (112, 112, 3)
    error = np.abs(info['gt_keypoints'][0, :, :2] - face_template(112)).max()
    assert error < 8 and (info['gt_keypoints'][..., 2] == 1).all()


@pytest.mark.parametrize('faces', ['box', 'align'])
def test_affectnet_csv_release(tmp_path, faces):
    root = fakes.write_affectnet_csv(tmp_path)
    lines = convert_affectnet([root], tmp_path / 'out', faces=faces, size=64)
    assert 'note: rows labelled None, Uncertain or No-Face (dropped): 6' in lines
    data = AffectNet(data_root=str(tmp_path / 'out'), ann_file='valid.json')
    assert data.get_gt_labels().tolist() == list(range(8))
    info = data.get_data_info(3)
    assert cv2.imread(info['img_path']).shape == (64, 64, 3)
    if faces == 'box':
        expected = np.array([[0.35, 0.4], [0.65, 0.4], [0.5, 0.6], [0.38, 0.75], [0.62, 0.75]]) * 64
        np.testing.assert_allclose(info['gt_keypoints'][0, :, :2], expected, atol=0.05)


WRONG_BOXES = {
    'right of the image': (500, 20, 96, 96),
    'above it': (15, -200, 96, 96),
    'a corner in it': (-90, -90, 96, 96),
    'far away': (-1e9, -1e9, 96, 96),
    'around the world': (-1e9, -1e9, 2e9, 2e9),
    'endless': (15, 20, 1e9, 96),
    'not a number': ('nan', 20, 96, 96),
    'infinite': (15, 20, 'inf', 96),
    'all infinite': ('-inf', '-inf', 'inf', 'inf'),
    'one pixel': (15, 20, 1.5, 1.5),
    'a line': (15, 20, 96, 1),
    'turned': (111, 20, -96, 96),
    'text': ('x', 20, 96, 96),
}


@pytest.mark.parametrize('box', WRONG_BOXES.values(), ids=WRONG_BOXES)
def test_affectnet_boxes_that_show_no_face_are_counted(tmp_path, box):
    root = fakes.write_affectnet_csv(tmp_path)
    lines = (root / 'training.csv').read_text().splitlines()
    path, *rest = lines[1].split(',')
    lines[1] = ','.join([path, *map(str, box), *rest[4:]])
    (root / 'training.csv').write_text('\n'.join(lines))
    convert_affectnet([root], tmp_path / 'out', faces='box', size=64)
    assert report(tmp_path / 'out')['counts'] == {'wrong box': 1}
    assert len(AffectNet(data_root=str(tmp_path / 'out'), ann_file='train.json')) == 7


def test_affectnet_boxes_that_reach_out_of_the_image_stay(tmp_path):
    root = fakes.write_affectnet_csv(tmp_path)
    text = (root / 'training.csv').read_text()
    (root / 'training.csv').write_text(text.replace(',15,20,96,96,', ',-40,-30,96,96,'))
    convert_affectnet([root], tmp_path / 'out', faces='box', size=64)
    assert report(tmp_path / 'out')['counts'] == {}


@pytest.mark.parametrize('value', [np.nan, 1e9])
def test_affectnet_landmarks_that_are_no_places_are_counted(tmp_path, value):
    root = fakes.write_affectnet_npy(tmp_path / 'in')
    np.save(root / 'train_set/annotations/3_lnd.npy', np.full(136, value))
    convert_affectnet([root], tmp_path / 'out')
    assert report(tmp_path / 'out')['counts'] == {'wrong landmarks': 1}
    assert len(AffectNet(data_root=str(tmp_path / 'out'), ann_file='train.json')) == 7


def test_affectnet_npy_release_with_seven_classes(tmp_path):
    root = fakes.write_affectnet_npy(tmp_path / 'in')
    (root / 'train_set/annotations/3_exp.npy').unlink()
    np.save(root / 'train_set/annotations/4_exp.npy', np.array('77'))
    convert_affectnet([root], tmp_path / 'out')
    assert report(tmp_path / 'out')['counts'] == {'missing annotation': 1, 'unknown label': 1}
    config = dict(data_root=str(tmp_path / 'out'), ann_file='valid.json')
    assert len(AffectNet(**config)) == 8
    seven = AffectNet(**config, num_classes=7)
    lazy = AffectNet(**config, num_classes=7, lazy_init=True)
    lazy.full_init()
    assert lazy.metainfo == seven.metainfo and len(lazy) == len(seven)
    assert len(seven) == 7 and len(seven.metainfo['classes']) == 7
    assert seven.get_data_info(0)['gt_keypoints'].shape == (1, 5, 3)


def test_sfew_aligned_from_zip(tmp_path):
    root = fakes.write_sfew(tmp_path / 'in', aligned=True)
    fakes.write_image(root / 'Train_Aligned_Faces/Bored/x.png', fakes.noise(0))
    with zipfile.ZipFile(tmp_path / 'sfew.zip', 'w') as archive:
        for file in sorted(root.rglob('*.png')):
            archive.write(file, file.relative_to(root))
    convert_sfew([tmp_path / 'sfew.zip'], tmp_path / 'out')
    assert report(tmp_path / 'out')['counts'] == {'unknown label': 1}
    data = SFEW(data_root=str(tmp_path / 'out'), ann_file='train.json')
    assert data.get_gt_labels().tolist() == list(range(7))
    assert data.metainfo['protocol'] == 'aligned'


def test_sfew_film_frames_are_detected_and_aligned(tmp_path):
    pytest.importorskip('ranfer.landmarks.mtcnn').weight_folder()
    root = fakes.write_sfew(tmp_path / 'in', aligned=False)
    fakes.write_image(root / 'Val/Happy/empty_scene.png', np.full((576, 720, 3), 90, np.uint8))
    convert_sfew([root], tmp_path / 'out', size=96)
    counts = report(tmp_path / 'out')['counts']
    assert counts['no face found'] >= 1
    data = SFEW(data_root=str(tmp_path / 'out'), ann_file='train.json')
    assert len(data) >= 4
    info = data.get_data_info(0)
    error = np.abs(info['gt_keypoints'][0, :, :2] - face_template(96)).max()
    assert cv2.imread(info['img_path']).shape == (96, 96, 3) and error < 12


@pytest.mark.parametrize('layout', ['{0}/{0}_Aligned_Faces_new', '{0}_Aligned_Faces/{0}'])
def test_sfew_aligned_faces_below_or_above_the_folder_of_their_split(tmp_path, layout):
    flat = fakes.write_sfew(tmp_path / 'flat', aligned=True)
    for split in ('Train', 'Val'):
        folder = tmp_path / 'in' / layout.format(split)
        folder.parent.mkdir(parents=True)
        (flat / f'{split}_Aligned_Faces').rename(folder)
    convert_sfew([tmp_path / 'in'], tmp_path / 'out', faces='aligned', strict=True)
    for split in ('train', 'valid'):
        data = SFEW(data_root=str(tmp_path / 'out'), ann_file=f'{split}.json')
        assert data.get_gt_labels().tolist() == list(range(7))


@pytest.mark.parametrize('size', ['0', '-3', 'x'])
def test_size_of_faces_is_checked(size):
    parser = argparse.ArgumentParser()
    add_size(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--size', size])


def test_what_macos_adds_to_archives_is_no_image(tmp_path):
    root = fakes.write_sfew(tmp_path / 'in', aligned=True)
    (root / 'Train_Aligned_Faces/Sad/._x.png').write_bytes(b'x')
    (root / '._more.zip').write_bytes(b'x')
    with zipfile.ZipFile(tmp_path / 'sfew.zip', 'w') as archive:
        for file in sorted(path for path in root.rglob('*') if path.is_file()):
            archive.write(file, file.relative_to(root))
            archive.writestr(f'__MACOSX/{file.relative_to(root).as_posix()}', b'x')
    for source in (root, tmp_path / 'sfew.zip'):
        convert_sfew([source], tmp_path / 'out', strict=True)
        assert len(SFEW(data_root=str(tmp_path / 'out'), ann_file='train.json')) == 7
