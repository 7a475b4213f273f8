"""The runs of an ablation, without training them."""

from __future__ import annotations

import argparse
import json
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import samples
from mmengine.config import Config, DictAction
from mmpretrain.registry import MODELS, TRANSFORMS
from test_tools.conftest import ROOT

from ranfer.datasets import FERPlus
from ranfer.regions.fixed import PAPER_BOXES

TOOL = ROOT / 'tools/analysis_tools/ablation.py'
SHARED = 'configs/ran/ran_shared_r18-slim_synthfer.py'
FULL = 'configs/ran/ran_r18-slim_synthfer.py'


@pytest.fixture
def tool(monkeypatch) -> dict:
    monkeypatch.chdir(ROOT)
    return runpy.run_path(str(TOOL))


@pytest.mark.parametrize(
    'config',
    [
        SHARED,
        FULL,
        'configs/ran/ran_shared_r18-slim_ferplus.py',
        'configs/ran/ran_r18_ferplus_scratch.py',
    ],
)
def test_every_row_is_a_model_that_differs(tool, config):
    base = Config.fromfile(config)
    seen = []
    for name, settings in tool['variants'](base).items():
        cfg = Config.fromfile(config)
        words = [word.split('=', 1) for word in tool['as_options'](settings)]
        cfg.merge_from_dict({key: DictAction._parse_iterable(value) for key, value in words})
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
        batch = model.data_preprocessor(samples.batch(2), training=True)
        loss = sum(model(**batch, mode='loss').values())
        assert loss.isfinite() and loss.requires_grad
        assert len(model(**batch, mode='predict')) == 2
        assert name == 'ran' or cfg.to_dict() != base.to_dict()
        assert cfg.to_dict() not in seen
        seen.append(cfg.to_dict())
        strategies = {
            step.strategy.get('strategy', step.strategy).type  # of RegionDropout, the one within
            for split in ('train', 'val', 'test')
            for step in cfg[f'{split}_dataloader'].dataset.pipeline
            if 'strategy' in step
        }
        assert len(strategies) == 1


@pytest.mark.parametrize(
    ('config', 'baseline'),
    [
        (FULL, 'configs/baseline/r18-slim_synthfer.py'),
        (SHARED, 'configs/baseline/r18-slim_synthfer.py'),
        ('configs/ran/ran_r18_ferplus_scratch.py', 'configs/baseline/r18_ferplus_scratch.py'),
    ],
)
def test_the_baseline_is_that_of_the_configs(tool, config, baseline):
    cfg, expected = Config.fromfile(config), Config.fromfile(baseline)
    words = tool['as_options'](tool['variants'](cfg)['baseline'])
    pairs = (word.split('=', 1) for word in words)
    cfg.merge_from_dict({key: DictAction._parse_iterable(value) for key, value in pairs})
    cfg.model.backbone.out_indices = tuple(cfg.model.backbone.out_indices)
    assert cfg.model.to_dict() == expected.model.to_dict()
    wanted = expected.data_preprocessor.to_dict()
    assert {'crop': True, **cfg.data_preprocessor} == {'crop': True, **wanted}


def run_ablation(tool: dict, monkeypatch, *options: object) -> list[list[str]]:
    """Run the tool with reports in place of trainings; return the commands it ran."""
    ran = []

    def run(command: list[str]) -> None:
        ran.append(command)
        folder = Path(command[command.index('--work-dir') + 1])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'epoch_2.pth').touch()
        seed = int(next(w for w in command if 'seed=' in w).split('=')[1])
        report = dict(accuracy=50 + 2 * seed, mean_accuracy=40, conditions={})
        (folder / 'report.json').write_text(json.dumps(report))

    monkeypatch.setitem(tool['main'].__globals__, 'run', run)
    monkeypatch.setattr(sys, 'argv', ['ablation.py', FULL, *map(str, options)])
    tool['main']()
    return ran


def test_finished_runs_are_kept_and_stand_in_the_table(tool, monkeypatch, tmp_path):
    options = ('--work-dir', tmp_path, '--epochs', 2, '--rows', 'baseline', 'ran', '--seeds')
    ran = run_ablation(tool, monkeypatch, *options, 0)
    assert [command[0] for command in ran] == ['tools/train.py', *['tools/test.py'] * 2] * 2
    assert '--occlude' in ran[2] and '--occlude' not in ran[1]
    assert not list(tmp_path.glob('*/epoch_2.pth'))
    again = run_ablation(tool, monkeypatch, *options, 0, 1)
    assert len(again) == 6 and all('randomness.seed=1' in command for command in again)
    lines = (tmp_path / 'ablation.md').read_text().splitlines()
    assert lines[0].replace('|', '').split()[:4] == ['accuracy', '%', 'seeds', 'overall']
    assert '51.00 ± 1.41' in lines[2] and '| ran ' in lines[3]
    assert f'python tools/analysis_tools/ablation.py {FULL} --rows ran --seeds 0 1' in lines[-2]


def test_a_later_call_adds_rows_and_seeds_to_the_table(tool, monkeypatch, tmp_path):
    options = ('--work-dir', tmp_path, '--epochs', 2, '--rows')
    run_ablation(tool, monkeypatch, *options, 'ran', '--seeds', 0, 1)
    run_ablation(tool, monkeypatch, *options, 'margin 0.1', '--seeds', 0)
    run_ablation(tool, monkeypatch, *options, 'baseline', '--seeds', 11)
    text = (tmp_path / 'ablation.md').read_text()
    table, commands = text.split('```bash')
    rows = [[cell.strip() for cell in line.split('|')[1:4]] for line in table.splitlines()[2:5]]
    assert rows == [
        ['baseline', '1', '72.00'],
        ['ran', '2', '51.00 ± 1.41'],
        ['margin 0.1', '1', '50.00'],
    ]
    assert '--rows ran --seeds 0 1 --epochs 2' in commands
    assert "--rows 'margin 0.1' --seeds 0 --epochs 2" in commands


def test_other_settings_in_the_same_folder_are_refused(tool, monkeypatch, tmp_path, capsys):
    options = ('--work-dir', tmp_path, '--rows', 'ran', '--seeds', 0, '--epochs')
    run_ablation(tool, monkeypatch, *options, 2)
    with pytest.raises(SystemExit):
        run_ablation(tool, monkeypatch, *options, 3)
    assert 'is of a run with other settings' in capsys.readouterr().err


def test_the_table_leaves_out_runs_of_other_settings(tool, monkeypatch, tmp_path):
    options = ('--work-dir', tmp_path, '--seeds', 0, '--rows')
    run_ablation(tool, monkeypatch, *options, 'baseline', '--epochs', 2)
    (tmp_path / 'baseline_seed0').rename(tmp_path / 'baseline_seed0_old')
    run_ablation(tool, monkeypatch, *options, 'margin 0.1', '--epochs', 2)
    run_ablation(tool, monkeypatch, *options, 'ran', '--epochs', 2, '--cfg-options', 'a=1')
    table = (tmp_path / 'ablation.md').read_text().split('```')[0]
    assert '| ran ' in table and 'baseline' not in table and 'margin' not in table


def test_a_run_that_fails_is_one_sentence(tool, monkeypatch, tmp_path, capfd):
    words = [FULL, '--rows', 'ran', '--work-dir', str(tmp_path), '--cfg-options', 'nothing.x.0=1']
    monkeypatch.setattr(sys, 'argv', ['ablation.py', *words, 'model.neck.activation=softmax'])
    with pytest.raises(SystemExit):
        tool['main']()
    errors = capfd.readouterr().err
    assert 'tools/train.py ended with status 1; see above' in errors and 'Traceback' not in errors


@pytest.mark.parametrize('points', [{}, dict(keypoints=[[9, 9]] * 5)])
def test_the_landmark_row_needs_landmarks(tool, monkeypatch, tmp_path, points):
    classes = FERPlus.METAINFO['classes']
    row = dict(img_path='0.png', gt_label=0, gt_score=[1.0] + [0.0] * 7, **points)
    content = dict(metainfo=dict(classes=classes, dataset='FERPlus'), data_list=[row])
    (tmp_path / 'train.json').write_text(json.dumps(content))
    cfg = Config.fromfile('configs/ran/ran_shared_r18-slim_ferplus.py')
    cfg.dump(tmp_path / 'config.py')
    options = [f'train_dataloader.dataset.data_root={tmp_path}']
    arguments = argparse.Namespace(
        config=str(tmp_path / 'config.py'), rows=None, list=False, cfg_options=options
    )
    rows = tool['chosen'](arguments)
    assert ('landmark' in rows) == bool(points) and 'grid' in rows
    arguments.rows = ['landmark']
    assert list(tool['chosen'](arguments)) == ['landmark']


def test_unknown_rows_are_named(tool, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_ablation(tool, monkeypatch, '--rows', 'nothing')
    assert "--rows got 'nothing', expected some of baseline, one region" in (
        capsys.readouterr().err
    )


def options_of(tool: dict, monkeypatch, capsys, *words: str) -> list[str]:
    """Settings of the training that ``--list`` prints for one row and seed."""
    run_ablation(tool, monkeypatch, '--list', '--seeds', 4, *words)
    line = capsys.readouterr().out.splitlines()[0]
    return shlex.split(line.partition('--cfg-options ')[2])


def test_a_row_has_the_last_word_over_settings_of_all_rows(tool, monkeypatch, capsys):
    own = ['randomness.seed=4', 'model.head.region_loss.margin=0.1']
    others = ['model.head.region_loss.margin=0.02', 'randomness.seed=9']
    words = ('--rows', 'margin 0.1', '--cfg-options', *others)
    assert options_of(tool, monkeypatch, capsys, *words) == [*others, *own]


def test_epochs_are_given_by_their_option(tool, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_ablation(tool, monkeypatch, '--list', '--cfg-options', 'train_cfg.max_epochs=3')
    assert 'give --epochs instead' in capsys.readouterr().err


def test_other_strategies_keep_the_dropout_of_regions(tool, monkeypatch):
    cfg = Config.fromfile('configs/ran/ran_r18-slim_ferplus.py')
    rows = tool['variants'](cfg)
    assert set(rows['random']) == {
        'train_dataloader.dataset.pipeline.5.strategy.strategy',
        'val_dataloader.dataset.pipeline.1.strategy',
        'test_dataloader.dataset.pipeline.1.strategy',
    }
    assert list(rows['all crops in training']) == ['train_dataloader.dataset.pipeline.5.strategy']


@pytest.mark.parametrize('config', [SHARED, 'configs/ran/ran_r18-slim_ferplus.py'])
def test_rows_of_fewer_crops_train_on_those_they_are_tested_on(tool, config):
    for crops in (2, 3):
        cfg = Config.fromfile(config)
        settings = tool['variants'](cfg)[f'{crops} crops']
        words = [word.split('=', 1) for word in tool['as_options'](settings)]
        cfg.merge_from_dict({key: DictAction._parse_iterable(value) for key, value in words})
        steps = [
            TRANSFORMS.build(step)
            for split in ('train', 'val', 'test')
            for step in cfg[f'{split}_dataloader'].dataset.pipeline
            if step.type == 'ranfer.RegionCropTransform'
        ]
        for _ in range(3):  # looks at the same face
            face = np.zeros((100, 100, 3), np.uint8)
            for step in steps:
                regions = step(dict(img=face, sample_idx=0))['regions']
                np.testing.assert_allclose(regions[1:], 100 * np.array(PAPER_BOXES[:crops]), 1e-6)


def test_a_head_with_its_default_loss(tool):
    cfg = Config.fromfile(FULL)
    del cfg.model.head['loss']
    head = tool['variants'](cfg)['self-attention']['model.head']
    assert head['type'] == 'ranfer.Float32LinearHead' and 'loss' not in head
