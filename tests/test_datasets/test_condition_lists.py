import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranfer.datasets import RAFDB, FERDataset
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.conditions import ConditionEntry, parse_condition_line, parse_condition_list

REAL = os.environ.get('RANFER_RAN_LISTS')
HASH = 'bc9ad400db82eca1882b11c9603348fb3e92f5b0d67391ac22a1bc79'


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('2_fer0033359.png 8 2', ('fer0033359', 'fer0033359', '2')),
        ('1/fer0032227.jpg', ('fer0032227', '1/fer0032227', '')),
        ('7/fer0032220 6', ('fer0032220', '7/fer0032220', '')),
        ('test_0003_aligned 3 4\r', ('test_0003_aligned', 'test_0003_aligned', '4')),
        ('4/test_0006_aligned.jpg', ('test_0006_aligned', '4/test_0006_aligned', '')),
        (f'val/0/{HASH}/', (HASH, f'val/0/{HASH}', '')),
        (f'2/{HASH}.jpg', (HASH, f'2/{HASH}', '')),
        (f'7/{HASH}/8.jpg', (HASH, HASH, '')),
        ('my faces/a b.png', ('a b', 'my faces/a b', '')),
        ('joy\\c.JPG', ('c', 'joy/c', '')),
        ('0_portrait.png', ('0_portrait', '0_portrait', '')),
    ],
)
def test_line_forms(line, expected):
    assert parse_condition_line(line) == ConditionEntry(*expected)


@given(st.text(max_size=60))
@settings(max_examples=50)
def test_any_text_gives_an_entry_or_one_sentence(text):
    entry, sentence = None, ''
    try:
        entry = parse_condition_line(text)
    except ValueError as error:
        sentence = str(error)
    blank = not text.strip() or text.strip().startswith('#')
    assert blank or (entry is not None and entry.name) or 'names no image' in sentence


def test_repeated_names_count_once(tmp_path):
    file = tmp_path / 'list.txt'
    file.write_text('﻿test_2464_aligned 0 3\ntest_2464_aligned 0 3\n\n# note\ntest_0001 1 1')
    parsed = parse_condition_list(str(file))
    assert [entry.name for entry in parsed] == ['test_2464_aligned', 'test_0001']


@pytest.mark.skipif(not REAL, reason='RANFER_RAN_LISTS does not name the folder of the lists')
@pytest.mark.parametrize(
    ('name', 'count'),
    [
        ('rafdb_occlusion_list.txt', 734),
        ('val_raf_db_list.txt', 1247),
        ('val_raf_db_list_45.txt', 558),
        ('occlusion_affectnet_list.txt', 683),
        ('pose_30_affectnet_list.txt', 1944),
        ('pose_45_affectnet_list.txt', 983),
    ],
)
def test_real_lists_of_the_authors(name, count):
    parsed = parse_condition_list(str(Path(REAL, name)))
    assert len(parsed) == len({entry.name for entry in parsed}) == count


@pytest.mark.skipif(not REAL, reason='RANFER_RAN_LISTS does not name the folder of the lists')
def test_real_rafdb_lists_select_from_all_3068_test_names(tmp_path):
    """Every name of the real lists must fit one of RAF-DB's test images, all of which are known."""
    rows = [{'img_path': f'images/test_{i:05d}_aligned.jpg', 'gt_label': 0} for i in range(1, 3069)]
    save_annotation(tmp_path / 'test.json', {'classes': RAFDB.METAINFO['classes']}, rows)
    lists = {
        'occlusion': 'rafdb_occlusion_list.txt',
        'pose30': 'val_raf_db_list.txt',
        'pose45': 'val_raf_db_list_45.txt',
    }
    data = RAFDB(
        'test.json', str(tmp_path), conditions={k: str(Path(REAL, v)) for k, v in lists.items()}
    )
    found = [data.get_data_info(i)['conditions'] for i in range(len(data))]
    counts = {name: sum(name in names for names in found) for name in lists}
    assert counts == {'occlusion': 734, 'pose30': 1247, 'pose45': 558}


def conditions(tmp_path, images, lines):
    """Which images of a data set a list marks, with all their conditions."""
    rows = [{'img_path': image, 'gt_label': 0} for image in images]
    save_annotation(tmp_path / 'a.json', {'classes': ['x']}, rows)
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    data = FERDataset('a.json', str(tmp_path), conditions={'c': str(tmp_path / 'list.txt')})
    infos = [data.get_data_info(i) for i in range(len(data))]
    return {image: info['conditions'] for image, info in zip(images, infos) if info['conditions']}


def test_a_line_that_is_a_name_or_path_as_written_means_that_image(tmp_path):
    """Though the authors' forms would read another name out of it."""
    found = conditions(tmp_path, ['sad/face.png', 'happy/0_face.png'], ['0_face.png 0 2'])
    assert found == {'happy/0_face.png': ('c', 'c_2')}
    clips = [f'3/clip12/{i:04d}.jpg' for i in range(3)] + ['3/clip12.jpg']
    assert conditions(tmp_path, clips, clips[:2]) == dict.fromkeys(clips[:2], ('c',))
    kinds = [f'{clips[0]} 3 1', f'{clips[1]} 3 2']
    assert conditions(tmp_path, clips, kinds) == {clips[0]: ('c', 'c_1'), clips[1]: ('c', 'c_2')}


def test_a_path_means_all_images_that_differ_in_their_suffix_alone(tmp_path):
    images = ['images/x.jpg', 'images/x.png', 'other/x.png']
    assert conditions(tmp_path, images, ['images/x.jpg']) == dict.fromkeys(images[:2], ('c',))


def test_the_forms_of_the_authors_still_name_what_they_name(tmp_path):
    images = ['images/fer1.png', f'images/{HASH}.jpg', 'images/other.png']
    lines = ['2_fer1.png 8 2', 'fer1.png', f'7/{HASH}/8.jpg', f'7/{HASH}/9.jpg']
    assert conditions(tmp_path, images, lines) == {images[0]: ('c', 'c_2'), images[1]: ('c',)}


@pytest.mark.parametrize('suffix', ['gif', 'jp2', 'PPM', 'pgm', 'jpe'])
def test_every_suffix_of_an_image_ends_a_name_with_blanks(tmp_path, suffix):
    images = [f'a b/c d.{suffix}', f'e.{suffix}']
    assert conditions(tmp_path, images, images) == dict.fromkeys(images, ('c',))


def test_a_name_behind_the_mark_of_a_comment(tmp_path):
    images = ['#x.jpg', '#a b/#x.jpg', 'y.jpg']
    found = conditions(tmp_path, images, ['./#x.jpg', './#a b/#x.jpg', '#y.jpg'])
    assert found == dict.fromkeys(images[:2], ('c',))


@pytest.mark.parametrize(
    ('images', 'sentence'),
    [
        (
            ['a/z.jpg'],
            "none of the 2 names in 'list.txt' .* is 'x', where 'a/z.jpg' is the first image; give",
        ),
        (['a/x.jpg', 'b/x.jpg', 'a/y.jpg', 'b/y.jpg'], 'write their relative paths'),
    ],
    ids=['unknown', 'ambiguous'],
)
def test_a_list_that_fits_no_image_is_an_error(tmp_path, monkeypatch, images, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        conditions(Path(), images, ['x', 'y.jpg'])
