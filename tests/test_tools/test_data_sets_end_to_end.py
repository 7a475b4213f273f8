"""Fake archives in their owners' layouts through converter, config, train.py and test.py."""

from __future__ import annotations

import json

import cv2
import pytest
from test_datasets import fakes
from test_tools.conftest import ROOT, run_script, run_tool

CLASSES = dict(ferplus=8, rafdb=7, affectnet=8, sfew=7)


def make(name, path):
    """Archive of a data set, with one broken file."""
    if name == 'ferplus':
        rows = fakes.ferplus_rows(16)
        fakes.write_votes(path / 'fer2013new.csv', rows)
        broken = fakes.write_fer_folders(path, rows) / 'FER2013Train/fer0000009.png'
    elif name == 'rafdb':
        broken = fakes.write_rafdb(path, 15, 14) / 'Image/aligned/train_00015_aligned.jpg'
    elif name == 'affectnet':
        fakes.write_affectnet_csv(path, 22)
        broken = path / f'Manually_Annotated_Images/1/{0:056x}.jpg'
    else:
        fakes.write_sfew(path, aligned=True, count=2)
        broken = path / 'Train_Aligned_Faces/Angry/Film_0000.png'
    broken.write_bytes(b'')
    return path


@pytest.mark.parametrize('name', CLASSES)
def test_from_archive_to_report(name, tmp_path, capsys):
    source, data, work = make(name, tmp_path / 'in'), tmp_path / 'data', tmp_path / 'work'
    run_script(ROOT / f'tools/dataset_converters/{name}.py', source, '--out', data, '--workers', 1)
    assert 'skipped: unreadable image: 1' in capsys.readouterr().out
    split = 'test' if name == 'rafdb' else 'valid'
    rows = json.loads((data / f'{split}.json').read_text())['data_list']
    (tmp_path / 'hidden.txt').write_text(''.join(f'{row["img_path"]}\n' for row in rows[:3]))
    loaders = '\n'.join(
        f'{s}_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root={str(data)!r}))'
        for s in ('train', 'val', 'test')
    )
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = ['{ROOT}/configs/ran/ran_r18_{name}.py']\n{loaders}\n"
        f'test_dataloader["dataset"]["conditions"] = '
        f'dict(occlusion={str(tmp_path / "hidden.txt")!r})\n'
        'model = dict(backbone=dict(base_channels=8), neck=dict(in_channels=64), '
        'head=dict(in_channels=64))\ndata_preprocessor = dict(crop_size=32)\n'
        'train_cfg = dict(max_epochs=1)\n'
        "vis_backends = [dict(type='LocalVisBackend')]\n"
        "visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)\n"
    )
    run_tool('train.py', config, '--work-dir', work)
    run_tool('test.py', config, work / 'epoch_1.pth', '--work-dir', work)
    report = json.loads((work / 'report.json').read_text())
    assert report['count'] == len(rows) and len(report['confusion']) == CLASSES[name]
    assert report['conditions']['occlusion']['count'] == 3
    assert '| overall ' in (work / 'report.md').read_text()


def test_class_folders_with_images_of_several_sizes(tmp_path):
    for split in ('train', 'valid'):
        for label, name in enumerate(('calm', 'joy')):
            for i in range(4):
                image = cv2.resize(fakes.face(8 * label + i), (64 + 8 * i, 64))
                fakes.write_image(tmp_path / f'faces/{split}/{name}/{i}.jpg', image)
    config = tmp_path / 'config.py'
    loaders = '\n'.join(
        f'{s}_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root={str(tmp_path / "faces" / split)!r}))'
        for s, split in (('train', 'train'), ('val', 'valid'), ('test', 'valid'))
    )
    bases = ('models/ran_r18', 'datasets/ferfolder', 'schedules/ran_sgd', 'default_runtime')
    config.write_text(
        f'_base_ = {[f"{ROOT}/configs/_base_/{base}.py" for base in bases]}\n{loaders}\n'
        'model = dict(backbone=dict(base_channels=8), neck=dict(in_channels=64), '
        'head=dict(in_channels=64, num_classes=2))\n'
        'data_preprocessor = dict(crop_size=32, num_classes=2)\ntrain_cfg = dict(max_epochs=1)\n'
        "vis_backends = [dict(type='LocalVisBackend')]\n"
        "visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)\n"
    )
    run_tool('train.py', config, '--work-dir', tmp_path / 'work')
    run_tool('test.py', config, tmp_path / 'work/epoch_1.pth', '--work-dir', tmp_path / 'work')
    assert json.loads((tmp_path / 'work/report.json').read_text())['count'] == 8


def test_converter_mistake_is_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match='error: source: no file or folder'):
        run_script(ROOT / 'tools/dataset_converters/rafdb.py', tmp_path / 'gone')
