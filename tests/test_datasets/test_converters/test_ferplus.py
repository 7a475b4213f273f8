import json
import os
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_datasets import fakes
from test_tools.conftest import run_script

from ranfer.datasets import FERPlus
from ranfer.datasets.converters import ConversionError, convert_ferplus
from ranfer.datasets.converters.ferplus import vote_labels
from ranfer.datasets.converters.report import Report
from ranfer.datasets.converters.source import Source

VOTES = os.environ.get('RANFER_FERPLUS_VOTES')


def read(out: Path) -> dict[str, dict]:
    return {p.stem: json.loads(p.read_text()) for p in out.glob('*.json') if p.stem != 'report'}


def test_csv_pair_kaggle_csv_folders_and_zips_give_the_same(tmp_path):
    rows = fakes.ferplus_rows()
    votes = fakes.write_votes(tmp_path / 'a/fer2013new.csv', rows)
    folders = fakes.write_fer_folders(tmp_path / 'folders', rows)
    zipped = tmp_path / 'zips'
    zipped.mkdir()
    for folder in folders.iterdir():
        with zipfile.ZipFile(zipped / f'{folder.name}.zip', 'w') as archive:
            for file in folder.iterdir():
                archive.write(file, f'{folder.name}/{file.name}')
    sources = {
        'csv': [fakes.write_fer2013(tmp_path / 'a/fer2013.csv', rows), votes],
        'kaggle': [fakes.write_fer2013(tmp_path / 'b/icml_face_data.csv', rows, True), votes],
        'folders': [folders, votes],
        'zips': [zipped, votes],
    }
    results = {}
    for name, source in sources.items():
        out = tmp_path / 'out' / name
        convert_ferplus(source, out)
        images = {
            str(p.relative_to(out)): cv2.imread(str(p), cv2.IMREAD_UNCHANGED).tobytes()
            for p in sorted(out.rglob('*.png'))
        }
        results[name] = read(out), images
    assert set(results['csv'][0]) == {'train', 'valid', 'test'}
    assert len(results['csv'][1]) == 17
    for name in ('kaggle', 'folders', 'zips'):
        assert results[name] == results['csv'], name


def test_pictures_of_the_repository_do_not_hide_the_csv(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'FERPlus/fer2013new.csv', rows)
    fakes.write_image(tmp_path / 'FERPlus/FER+vsFER.png', fakes.noise(0))
    with pytest.raises(ConversionError, match='nor PNG images that fer2013new.csv names'):
        convert_ferplus([tmp_path / 'FERPlus'], tmp_path / 'out')
    fakes.write_fer2013(tmp_path / 'FERPlus/fer2013.csv', rows)
    convert_ferplus([tmp_path / 'FERPlus'], tmp_path / 'out')
    assert len(list((tmp_path / 'out').rglob('*.png'))) == 17


def test_data_set_reads_labels_and_distribution(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer_folders(tmp_path / 'in', rows)
    lines = convert_ferplus([tmp_path / 'in'], tmp_path / 'out')
    assert lines[0] == 'FERPlus, protocol majority'
    assert any(
        line.startswith('DIFFERENCE: train has 6 images, published are 25060') for line in lines
    )
    assert 'note: rows removed by FERPlus (no image name): 1' in lines
    config = dict(data_root=str(tmp_path / 'out'), ann_file='train.json')
    assert 'gt_score' not in FERPlus(**config).get_data_info(0)
    data = FERPlus(**config, use_distribution=True)
    assert data.metainfo['protocol'] == 'majority'
    info = data.get_data_info(1)
    assert info['gt_label'] == 1
    np.testing.assert_allclose(info['gt_score'], [0, 0.8, 0.2, 0, 0, 0, 0, 0], atol=1e-6)


def loop_majority(votes):
    """Written from the rule of Barsoum et al. for one row."""
    left = [v if v > 1 else 0 for v in votes]
    best = max(left[:8])
    return left.index(best) if best * 2 > sum(left) else -1


def test_protocols_against_loops():
    """The vectorised labels against a loop over rows that was written from the protocols' text."""
    rng = np.random.default_rng(0)
    votes = np.array([rng.multinomial(10, rng.dirichlet(np.ones(10) * 0.3)) for _ in range(500)])
    labels, scores = vote_labels(votes, 'majority')
    assert labels.tolist() == [loop_majority(row.tolist()) for row in votes]
    argmax, _ = vote_labels(votes, 'argmax')
    expected = [int(np.argmax(row)) for row in votes]
    assert argmax.tolist() == [x if x < 8 else -1 for x in expected]
    assert ((scores.sum(1) - 1 < 1e-9) & (scores >= 0).all(1)).all()
    kept, _ = vote_labels(votes, 'probability')
    clean = np.where(votes > 1, votes, 0)
    assert ((kept >= 0) == (2 * clean[:, :8].sum(1) > clean.sum(1))).all()


@pytest.mark.skipif(not VOTES, reason='RANFER_FERPLUS_VOTES does not name fer2013new.csv')
def test_published_counts_on_the_real_votes():
    import csv

    with open(VOTES) as file:
        rows = [row for row in csv.DictReader(file) if row['Image name']]
    usage = np.array([row['Usage'] for row in rows])
    votes = np.array([[int(row[c]) for c in fakes.COLUMNS] for row in rows])
    assert Counter(usage)['Training'] == 28561 and Counter(usage)['PublicTest'] == 3579
    labels, _ = vote_labels(votes, 'majority')
    assert (labels[usage == 'Training'] >= 0).sum() == 25060
    assert (labels[usage == 'PublicTest'] >= 0).sum() == 3199


def test_list_files_of_the_authors(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer_folders(tmp_path / 'in', rows)
    train, test = tmp_path / 'train_list.txt', tmp_path / 'test_list.txt'
    train.write_text('0/fer0000000 6\n7/fer0028639 6\n0/fer0000000 6\n')
    test.write_text('7/fer0032219 6\n3/fer9999999 6\n')
    (tmp_path / 'test_labels.txt').write_text('2\n3\n')
    lines = convert_ferplus(
        [tmp_path / 'in'],
        tmp_path / 'out',
        protocol='lists',
        lists={
            'train': (str(train), None),
            'test': (str(test), str(tmp_path / 'test_labels.txt')),
        },
    )
    data = read(tmp_path / 'out')
    labels = {
        s: [(r['img_path'][-14:-4], r['gt_label']) for r in data[s]['data_list']] for s in data
    }
    assert labels == {
        'train': [('fer0000000', 0), ('fer0028639', 7)],
        'test': [('fer0032219', 2)],
    }
    assert 'skipped: missing annotation: 1' in lines


def test_lists_of_the_same_name_are_refused(tmp_path):
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', fakes.ferplus_rows())
    lists = {}
    for split in ('train', 'test'):
        (tmp_path / split).mkdir()
        (tmp_path / split / 'list.txt').write_text('0/fer0000000 6\n')
        lists[split] = (str(tmp_path / split / 'list.txt'), None)
    with pytest.raises(ConversionError, match='have the same file name; rename one'):
        convert_ferplus([tmp_path / 'in'], tmp_path / 'out', protocol='lists', lists=lists)


def test_linked_folders_are_reported(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'root').mkdir()
    (tmp_path / 'root/Image').symlink_to(tmp_path / 'real')
    report = Report(strict=False)
    Source([tmp_path / 'root'], report)
    assert any('linked folder: 1' in line for line in report.lines())


@pytest.mark.parametrize('target', ['me', 'nothing', 'loop/me'])
def test_links_that_lead_nowhere_are_reported(tmp_path, target):
    (tmp_path / 'good.txt').write_text('x')
    (tmp_path / 'me').symlink_to(target)
    (tmp_path / 'loop').symlink_to('me')
    report = Report(strict=False)
    assert set(Source([tmp_path], report).files) == {'good.txt'}
    assert report.skipped['broken link'] == ['loop (link)', 'me (link)']


def test_second_run_does_nothing_and_an_interrupted_one_goes_on(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    folder = fakes.write_fer_folders(tmp_path / 'in', rows) / 'FER2013Train'
    broken = folder / 'fer0000004.png'
    good = broken.read_bytes()
    broken.write_bytes(good[:100])
    with pytest.raises(
        ConversionError, match='unreadable image: images/train/fer0000004.png is cut'
    ):
        convert_ferplus([tmp_path / 'in'], tmp_path / 'out', strict=True)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / 'out').rglob('*.png')}
    assert before and not list((tmp_path / 'out').glob('*.json'))
    broken.write_bytes(good)
    convert_ferplus([tmp_path / 'in'], tmp_path / 'out', strict=True)
    first = read(tmp_path / 'out')
    assert {p: p.stat().st_mtime_ns for p in before} == before
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / 'out').rglob('*.png')}
    convert_ferplus([tmp_path / 'in'], tmp_path / 'out')
    assert read(tmp_path / 'out') == first
    assert {p: p.stat().st_mtime_ns for p in times} == times


def test_several_processes_give_the_same(tmp_path):
    rows = fakes.ferplus_rows(45)
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer_folders(tmp_path / 'in', rows)
    (tmp_path / 'in/FER2013Train/fer0000007.png').write_bytes(b'')
    lines = [
        convert_ferplus([tmp_path / 'in'], tmp_path / f'out{n}', workers=n, protocol='argmax')
        for n in (1, 2)
    ]
    assert lines[0] == lines[1] and 'skipped: unreadable image: 1' in lines[0]
    assert read(tmp_path / 'out1') == read(tmp_path / 'out2')


def write_sources(folder: Path) -> None:
    rows = fakes.ferplus_rows()
    fakes.write_votes(folder / 'fer2013new.csv', rows)
    fakes.write_fer_folders(folder, rows)


def convert_lists(tmp_path: Path, **names: str) -> list[str]:
    """Convert with one image listed for a split."""
    lists = {}
    for split, name in names.items():
        path = tmp_path / f'in/{split}_list.txt'
        path.write_text(f'0/{name} 6\n')
        lists[split] = (str(path), None)
    return convert_ferplus([tmp_path / 'in'], tmp_path / 'out', protocol='lists', lists=lists)


def test_annotation_of_another_protocol_does_not_stay_beside_its_images(tmp_path):
    """The authors' training list holds Valid's images; an older valid.json would test on them."""
    write_sources(tmp_path / 'in')
    out = tmp_path / 'out'
    convert_ferplus([tmp_path / 'in'], out)
    before = (out / 'valid.json').read_bytes()
    name = Path(json.loads(before)['data_list'][0]['img_path']).stem
    for _ in range(2):  # again changes nothing
        convert_lists(tmp_path, train=name)
        assert (out / 'valid.majority.json').read_bytes() == before
        assert not (out / 'valid.json').exists() and (out / 'test.json').exists()
    convert_ferplus([tmp_path / 'in'], out)
    assert (out / 'valid.json').read_bytes() == before
    (out / 'valid.majority.json').write_text('kept')
    lines = convert_lists(tmp_path, train=name)
    assert (out / 'valid.majority.json').read_text() == 'kept'
    assert (out / 'valid.majority.2.json').read_bytes() == before
    assert any('with images of this one, is valid.majority.2.json' in line for line in lines)


@pytest.mark.parametrize('content', ['[]', 'no json', '{"metainfo": {}, "data_list": [1]}', None])
def test_files_that_share_no_image_stay(tmp_path, content):
    write_sources(tmp_path / 'in')
    convert_ferplus([tmp_path / 'in'], tmp_path / 'out')
    if content is not None:
        (tmp_path / 'out/valid.json').write_text(content)
    names = ('train.json', 'valid.json')
    before = [(tmp_path / 'out' / name).read_bytes() for name in names]
    test = json.loads((tmp_path / 'out/test.json').read_text())
    convert_lists(tmp_path, test=Path(test['data_list'][0]['img_path']).stem)
    assert [(tmp_path / 'out' / name).read_bytes() for name in names] == before


def test_an_image_in_the_lists_of_two_splits_is_noted(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer_folders(tmp_path / 'in', rows)
    lists = {}
    for split in ('train', 'test'):
        (tmp_path / f'in/{split}_list.txt').write_text('0/fer0000000 6\n')
        lists[split] = (str(tmp_path / f'in/{split}_list.txt'), None)
    lines = convert_ferplus([tmp_path / 'in'], tmp_path / 'out', protocol='lists', lists=lists)
    assert 'note: images that the lists of two splits name (kept in the later): 1' in lines
    assert set(read(tmp_path / 'out')) == {'test'}


@pytest.mark.parametrize(
    ('lists', 'sentence'),
    [
        (('train=a.txt', 'train=b.txt'), 'a split is given twice'),
        (('trian=a.txt',), "got 'trian=a.txt', expected train, valid or test, '=' and one or two"),
    ],
)
def test_mistakes_in_lists(tmp_path, capsys, lists, sentence):
    script = Path(__file__).parents[3] / 'tools/dataset_converters/ferplus.py'
    words = [word for item in lists for word in ('--list', item)]
    with pytest.raises(SystemExit):
        run_script(script, tmp_path, '--protocol', 'lists', *words)
    assert sentence in ' '.join(capsys.readouterr().err.split())


def test_blank_lines_of_the_csv_are_no_rows(tmp_path):
    rows = fakes.ferplus_rows()
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    pixels = fakes.write_fer2013(tmp_path / 'in/fer2013.csv', rows)
    convert_ferplus([tmp_path / 'in'], tmp_path / 'expected')
    pixels.write_text(pixels.read_text().replace('\n', '\n\n'))
    convert_ferplus([tmp_path / 'in'], tmp_path / 'out')
    assert read(tmp_path / 'out') == read(tmp_path / 'expected')


def test_an_image_name_without_suffix_is_skipped(tmp_path):
    rows = fakes.ferplus_rows()
    rows[0]['Image name'] = 'fer0000000'
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer2013(tmp_path / 'in/fer2013.csv', rows)
    assert 'skipped: unknown suffix: 1' in convert_ferplus([tmp_path / 'in'], tmp_path / 'out')


def test_a_split_is_missing_only_where_it_was_asked_for(tmp_path):
    rows = [row for row in fakes.ferplus_rows() if row['Usage'] != 'PublicTest']
    fakes.write_votes(tmp_path / 'in/fer2013new.csv', rows)
    fakes.write_fer_folders(tmp_path / 'in', rows)
    lines = convert_ferplus([tmp_path / 'in'], tmp_path / 'out')
    assert lines[1].split() == ['class', 'train', 'valid', 'test']
    assert 'DIFFERENCE: valid has 0 images, published are 3199 (-3199)' in lines
    assert not (tmp_path / 'out/valid.json').exists()
    lines = convert_lists(tmp_path, train='fer0000000')
    assert lines[1].split() == ['class', 'train']
