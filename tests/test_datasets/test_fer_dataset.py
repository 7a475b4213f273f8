import pickle
import re

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset
from PIL import Image
from test_datasets import fakes

from ranfer.datasets import AffectNet, FERDataset, FERFolder, folder
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.transforms import LoadFaceImage
from ranfer.registry import DATASETS

CLASSES = ['a', 'b', 'c']


@pytest.fixture
def root(tmp_path):
    rows = []
    for i in range(9):
        fakes.write_image(tmp_path / f'images/n{i}.png', fakes.noise(i))
        row = {'img_path': f'images/n{i}.png', 'gt_label': 0 if i < 6 else i % 3}
        if i == 0:
            row |= {
                'gt_score': [0.5, 0.5, 0],
                'bbox': [1, 2, 30, 40],
                'keypoints': [[i, 2 * i] for i in range(5)],
                'keypoints_visible': [1, 1, 0, 1, 1],
                'conditions': ['pose30'],
            }
        rows.append(row)
    save_annotation(tmp_path / 'train.json', {'dataset': 'x', 'classes': CLASSES}, rows)
    return tmp_path


def test_sample_has_the_promised_types(root):
    info = FERDataset('train.json', str(root)).get_data_info(0)
    assert info['img_path'] == f'{root}/images/n0.png'
    assert info['gt_label'] == 0 and info['sample_idx'] == 0 and info['conditions'] == ('pose30',)
    assert info['gt_keypoints'].dtype == np.float32 and info['gt_keypoints'].shape == (1, 5, 3)
    assert info['gt_keypoints'][0, :, 2].tolist() == [1, 1, 0, 1, 1]
    np.testing.assert_array_equal(info['gt_bboxes'], np.float32([[1, 2, 30, 40]]))
    assert 'gt_score' not in info and 'keypoints' not in info
    plain = FERDataset('train.json', str(root)).get_data_info(1)
    assert plain['conditions'] == () and 'gt_keypoints' not in plain


@pytest.mark.parametrize('serialize', [True, False])
def test_base_dataset_abilities_are_kept(root, serialize):
    data = FERDataset('train.json', str(root), serialize_data=serialize, lazy_init=True)
    assert not data._fully_initialized
    data.full_init()
    assert len(data) == 9 and data.get_subset(4).get_gt_labels().tolist() == [0] * 4
    assert len(FERDataset('train.json', str(root), indices=[0, 8])) == 2
    again = pickle.loads(pickle.dumps(data))
    assert again.get_data_info(8)['gt_label'] == 2
    assert data.get_data_info(-1)['sample_idx'] == 8


def test_class_balanced_dataset_repeats_rare_classes(root):
    data = ClassBalancedDataset(FERDataset('train.json', str(root)), oversample_thr=0.5)
    labels = [data.get_cat_ids(i)[0] for i in range(len(data))]
    assert labels.count(1) > 1 and labels.count(0) == 7
    config = dict(type='ranfer.FERDataset', ann_file='train.json', data_root=str(root))
    wrapped = DATASETS.build(
        dict(type='mmengine.ClassBalancedDataset', dataset=config, oversample_thr=0.5)
    )
    assert len(wrapped) == len(data)


def test_bad_image_is_skipped_once_warned_and_counted(root, monkeypatch):
    said = []
    monkeypatch.setattr(
        'ranfer.datasets.base.print_log', lambda text, *args, **kwargs: said.append(text)
    )
    (root / 'images/n3.png').write_bytes(b'')
    config = dict(data_root=str(root), ann_file='train.json', pipeline=[LoadFaceImage()])
    advice = r'restore the file, or set train_dataloader\.dataset\.skip_bad=True'
    with pytest.raises(ValueError, match=f"n3.png' is empty, expected a readable image; {advice}"):
        FERDataset(**config)[3]
    data = FERDataset(**config, skip_bad=True)
    for _ in range(3):
        assert data[3]['img'].shape == (48, 48, 3)
    assert data.bad_images == {f'{root}/images/n3.png'}
    assert said == [f"img_path: '{root}/images/n3.png' is empty; skipped."]
    with pytest.raises(ValueError, match='is empty'):
        FERDataset(**config, skip_bad=True, test_mode=True)[3]


def test_no_readable_image_at_all_is_an_error(root):
    for file in (root / 'images').iterdir():
        file.write_bytes(b'x')
    data = FERDataset('train.json', str(root), skip_bad=True, pipeline=[LoadFaceImage()])
    with pytest.raises(ValueError, match='skip_bad: none of the 9 images'):
        data[0]


def test_bad_images_that_rows_repeat_count_once(root):
    rows = [{'img_path': f'images/{i % 2}.png', 'gt_label': 0} for i in range(8)]
    save_annotation(root / 'train.json', {'classes': CLASSES}, rows)
    data = FERDataset('train.json', str(root), skip_bad=True, pipeline=[LoadFaceImage()])
    with pytest.raises(ValueError, match='skip_bad: none of the 2 images'):
        data[0]


def test_conditions_select_by_path_and_name_and_report_the_rest(root, monkeypatch):
    said = []
    monkeypatch.setattr(
        'ranfer.datasets.matching.print_log', lambda text, *args, **kwargs: said.append(text)
    )
    fakes.write_image(root / 'images/more/n1.png', fakes.noise(1))
    rows = [{'img_path': f'images/{n}.png', 'gt_label': 0} for n in ('n0', 'n1', 'more/n1', 'n2')]
    save_annotation(root / 'test.json', {'classes': CLASSES}, rows)
    occlusion, pose = root / 'o.txt', root / 'p.txt'
    occlusion.write_text('2_n0.png 8 2\n1_n2.png 6 1\n1_n2.png 6 1\n0_gone.png 3 1\n')
    pose.write_text('images/more/n1.png\nn1\n')
    data = FERDataset(
        'test.json', str(root), conditions=dict(occlusion=str(occlusion), pose30=str(pose))
    )
    found = [data.get_data_info(i)['conditions'] for i in range(4)]
    assert found == [
        ('occlusion', 'occlusion_2'),
        (),
        ('pose30',),
        ('occlusion', 'occlusion_1'),
    ]
    text = ' | '.join(said)
    assert "condition 'occlusion' holds 2 images" in text
    assert '1 of 3 names in' in text and "first 'gone'" in text
    assert '1 names in' in text and 'fit several images' in text


def test_a_list_of_another_split_marks_no_image_of_the_same_name(tmp_path):
    names = ('images/val/0000/n0', 'images/val/1/n1', 'images/val/1/n2', 'images/val/1/n3')
    rows = [{'img_path': f'{name}.png', 'gt_label': 0} for name in names]
    save_annotation(tmp_path / 'val.json', {'classes': CLASSES}, rows)
    file = tmp_path / 'list.txt'
    lines = (
        'images/train/0000/n0.png',
        '/root/images/val/1/n1.png',
        'val/1/n2.png',
        '/a/b/1/n3.png',
    )
    file.write_text('\n'.join(lines))
    data = FERDataset('val.json', str(tmp_path), conditions=dict(hard=str(file)))
    assert [data.get_data_info(i)['conditions'] for i in range(4)] == [(), *[('hard',)] * 3]


def test_scores_of_seven_classes_sum_to_one(tmp_path):
    classes = list(AffectNet.METAINFO['classes'])
    scores = [[0.25, 0, 0, 0, 0.25, 0, 0, 0.5], [0.5, 0.5, 0, 0, 0, 0, 0, 0]]
    rows = [{'img_path': 'a.png', 'gt_label': 0, 'gt_score': score} for score in scores]
    save_annotation(tmp_path / 'train.json', {'classes': classes}, rows)
    data = AffectNet('train.json', str(tmp_path), num_classes=7, use_distribution=True)
    assert data.get_data_info(0)['gt_score'].tolist() == [0.5, 0, 0, 0, 0.5, 0, 0]
    assert data.get_data_info(1)['gt_score'].tolist() == [0.5, 0.5, 0, 0, 0, 0, 0]


def affectnet(tmp_path, of_file, **kwargs):
    rows = [{'img_path': f'{i}.png', 'gt_label': i} for i in range(8)]
    save_annotation(tmp_path / 'train.json', of_file, rows)
    return AffectNet('train.json', str(tmp_path), **kwargs)


def test_seven_classes_leave_contempt_out(tmp_path):
    names = list(AffectNet.METAINFO['classes'])
    data = affectnet(tmp_path, {'classes': names}, num_classes=7)
    assert list(data.metainfo['classes']) == names[:7] and data.get_gt_labels().max() == 6
    lazy = affectnet(tmp_path, {'classes': names}, num_classes=7, lazy_init=True)
    assert list(lazy.metainfo['classes']) == names[:7]


@pytest.mark.parametrize('count', [7, 8])
def test_own_names_of_affectnet_are_those_of_the_file_or_an_error(tmp_path, count):
    names = list('abcdefgh')
    given = dict(num_classes=count, metainfo=dict(classes=names[:count]))
    for of_file in ({'classes': names}, {}):
        assert list(affectnet(tmp_path, of_file, **given).metainfo['classes']) == names[:count]
    owners = {'classes': list(AffectNet.METAINFO['classes'])}
    for of_file, kwargs in ((owners, given), ({'classes': names}, dict(num_classes=count))):
        with pytest.raises(ValueError, match='AffectNet expects .*; use the data set class that'):
            affectnet(tmp_path, of_file, **kwargs)
    sentence = f'num_classes: got {count} with 3 names'
    for names in (dict(metainfo=dict(classes=['a', 'b', 'c'])), dict(classes=['a', 'b', 'c'])):
        with pytest.raises(ValueError, match=sentence):
            affectnet(tmp_path, {}, num_classes=count, **names)


def test_folder_data_set(tmp_path, monkeypatch):
    files = ['joy/a.jpg', 'joy/deep/b.png', 'calm/c.jpeg', 'calm/readme.txt', '.cache/d.png']
    for name in files:
        if name.endswith('txt'):
            (tmp_path / name).write_text('x')
        else:
            fakes.write_image(tmp_path / name, fakes.noise(0))
    data = FERFolder(data_root=str(tmp_path))
    assert data.metainfo['classes'] == ['calm', 'joy']
    assert data.get_gt_labels().tolist() == [0, 1, 1]
    default = FERFolder(data_root=str(tmp_path), metainfo=dict(classes=None))  # as in the config
    assert default.metainfo['classes'] == ['calm', 'joy']
    said = []
    monkeypatch.setattr(folder, 'print_log', lambda text, *args, **kwargs: said.append(text))
    FERFolder(data_root=str(tmp_path), metainfo=dict(classes=['joy', 'calm']))
    assert not said
    given = FERFolder(data_root=str(tmp_path), metainfo=dict(classes=['joy']))
    assert len(said) == 1 and said[0].endswith('metainfo.classes does not name are left out: calm')
    assert len(given) == 2 and given.get_data_info(1)['img_path'].endswith('joy/deep/b.png')


def test_folder_data_set_takes_every_image_that_is_read(tmp_path):
    pixels = Image.fromarray(fakes.noise(0))
    for suffix in ('gif', 'jp2', 'PPM', 'webp', 'tiff', 'jpe'):
        (tmp_path / 'joy').mkdir(exist_ok=True)
        pixels.save(tmp_path / f'joy/a.{suffix}')
    data = FERFolder(data_root=str(tmp_path), pipeline=[LoadFaceImage()])
    assert [sample['img'].shape for sample in data] == [(48, 48, 3)] * 6


def test_images_that_no_decoder_reads_are_not_left_out_in_silence(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(folder, 'print_log', lambda text, *args, **kwargs: said.append(text))
    fakes.write_image(tmp_path / 'joy/a.jpg', fakes.noise(0))
    for name in ('b.HEIC', 'c.avif'):
        (tmp_path / 'joy' / name).write_bytes(b'x')
    assert len(FERFolder(data_root=str(tmp_path))) == 1
    [sentence] = said
    assert "joy' has HEIC, HEIF or AVIF images (2), which cannot be read" in sentence


@pytest.mark.parametrize('name', [1, '', '..', '/nowhere'])
def test_class_folders_have_names(tmp_path, name):
    fakes.write_image(tmp_path / '1/a.png', fakes.noise(0))
    sentence = f'classes: got {re.escape(repr(name))}, expected the name of a folder in .*; correct'
    with pytest.raises(ValueError, match=sentence):
        FERFolder(data_root=str(tmp_path), metainfo=dict(classes=['1', name]))


def test_folder_data_set_follows_links(tmp_path):
    for name in ('elsewhere/a.png', 'faces/joy/b.png'):
        fakes.write_image(tmp_path / name, fakes.noise(0))
    for link in ('faces/calm', 'faces/joy/more'):
        (tmp_path / link).symlink_to(tmp_path / 'elsewhere', target_is_directory=True)
    assert FERFolder(data_root=str(tmp_path / 'faces')).get_gt_labels().tolist() == [0, 1, 1]


def test_folder_data_set_does_not_follow_links_that_lead_back(tmp_path):
    for name in ('happy/a', 'sad'):
        fakes.write_image(tmp_path / f'{name}/1.png', fakes.noise(0))
    for link, target in (('happy/a/up', '..'), ('sad/root', '..'), ('sad/self', '.')):
        (tmp_path / link).symlink_to(target, target_is_directory=True)
    data = FERFolder(data_root=str(tmp_path))
    found = [data.get_data_info(i)['img_path'] for i in range(len(data))]
    assert found == [str(tmp_path / name) for name in ('happy/a/1.png', 'sad/1.png')]


@pytest.mark.parametrize('prefix', ['train', dict(img_path='train')])
def test_folder_data_set_below_a_prefix(tmp_path, prefix):
    fakes.write_image(tmp_path / 'train/joy/a.jpg', fakes.noise(0))
    data = FERFolder(data_root=str(tmp_path), data_prefix=prefix)
    assert data.metainfo['classes'] == ['joy']
    assert data.get_data_info(0)['img_path'] == str(tmp_path / 'train/joy/a.jpg')


def test_folder_data_set_unpacked_on_macos(tmp_path):
    for name in ('joy/a.jpg', 'joy/._a.jpg', '__MACOSX/joy/._a.jpg', 'joy/__MACOSX/b.jpg'):
        fakes.write_image(tmp_path / name, fakes.noise(0))
    data = FERFolder(data_root=str(tmp_path))
    assert data.metainfo['classes'] == ['joy'] and len(data) == 1
