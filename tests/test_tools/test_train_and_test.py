"""tools/train.py and tools/test.py from config to report, also with MMPretrain's own script."""

from __future__ import annotations

import json
import pickle
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import mmpretrain
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from test_tools.conftest import ROOT, run_script, run_tool

from ranfer.apis import ModelFile
from ranfer.engine import load_checkpoint


def test_train_then_test_writes_the_report(small, tmp_path, capsys):
    work = tmp_path / 'work'
    run_tool('train.py', small, '--work-dir', work, '--epochs', 1, '--amp')
    checkpoint = work / 'epoch_1.pth'
    assert load_checkpoint(str(checkpoint))['meta']['epoch'] == 1
    run_tool('test.py', small, checkpoint, '--work-dir', work, '--out', work / 'm.json',
             '--out-item', 'metrics')  # fmt: skip
    report = json.loads((work / 'report.json').read_text())
    assert report['count'] == 13 and np.sum(report['confusion']) == 13
    assert {'natural', 'occlusion', 'pose30', 'pose45'} <= set(report['conditions'])
    assert json.loads((work / 'm.json').read_text())['fer/accuracy'] == report['accuracy']
    printed = capsys.readouterr().out
    assert '| overall ' in printed and (work / 'report.md').read_text() in printed
    draw(small, work, tmp_path, capsys)


def draw(config: Path, work: Path, tmp_path: Path, capsys) -> None:
    """The drawing tools on a trained model, and on a checkpoint of another."""
    checkpoint, out = work / 'epoch_1.pth', tmp_path / 'pictures'
    run_tool('test.py', config, checkpoint, '--work-dir', work, '--out', work / 'p.json')
    run_tool('analysis_tools/draw_report.py', work / 'report.json', out, '--predictions',
             work / 'p.json')  # fmt: skip
    run_tool('analysis_tools/draw_attention.py', config, checkpoint, '--num', 2, '--out', out)
    run_tool('analysis_tools/explain_occlusion.py', config, checkpoint, '--out', out)
    run_tool('analysis_tools/learning_curves.py', work, '--out', out / 'curves.png')
    names = {path.name for path in out.iterdir()}
    expected = {'confusion.png', 'conditions.png', 'reliability.png', 'curves.png'}
    assert names >= {*expected, 'region_weights.png', 'hidden_regions.png', 'sliding_bar.png'}
    assert len(names) == 10
    other = load_checkpoint(str(checkpoint))
    other['state_dict'].popitem()
    torch.save(dict(state_dict=other['state_dict']), tmp_path / 'other.pth')
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps(dict(predictions=[])))
    capsys.readouterr()
    for tool, options, sentence in (
        ('../test', (config, tmp_path / 'other.pth'), 'does not fit the config (Missing'),
        ('draw_attention', (config, tmp_path / 'other.pth'), 'does not fit the config (Missing'),
        ('explain_occlusion', (config, tmp_path / 'other.pth'), 'does not fit the config (Missing'),
        ('explain_occlusion', (config, checkpoint, '--num', 0), '--num must be at least 1'),
        ('explain_occlusion', (config, checkpoint, '--face', 9999), '--face must be in [0, '),
        ('draw_attention', (config, checkpoint, '--amp'), 'unrecognized arguments: --amp'),
        ('draw_report', (work / 'report.json', out, '--predictions', tmp_path / 'p.pkl'),
         'p.pkl holds no predictions'),
    ):  # fmt: skip
        with pytest.raises(SystemExit):
            run_tool(f'analysis_tools/{tool}.py', *options)
        assert sentence in capsys.readouterr().err


def test_flip_tta_averages_both_views(small, tmp_path):
    work = tmp_path / 'work'
    run_tool('train.py', small, '--work-dir', work, '--epochs', 1, '--no-validate')
    checkpoint = work / 'epoch_1.pth'
    trained = (work / 'small.py').read_text()
    accuracies = {}
    for name, options in dict(tta=['--tta'], plain=[]).items():  # both beside the training
        run_tool('test.py', work / 'small.py', checkpoint, '--work-dir', work, *options)
        accuracies[name] = json.loads((work / 'report.json').read_text())
        assert ('TestTimeAug' in (work / 'small_test.py').read_text()) == (name == 'tta')
    assert (work / 'small.py').read_text() == trained
    assert accuracies['tta']['count'] == accuracies['plain']['count'] == 13
    assert accuracies['tta']['calibration_error'] != accuracies['plain']['calibration_error']


def test_flip_and_occluder_reach_data_sets_behind_a_wrapper(small, tmp_path):
    """The same faces, alone and as the only part of a ConcatDataset, give the same report."""
    work = tmp_path / 'work'
    run_tool('train.py', small, '--work-dir', work, '--epochs', 1, '--no-validate')
    cfg = Config.fromfile(small)
    faces = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[faces])
    wrapped = tmp_path / 'wrapped.py'
    cfg.dump(wrapped)
    reports = []
    for config in (small, wrapped):
        out = tmp_path / config.stem / 'figures.json'
        run_tool('test.py', config, work / 'epoch_1.pth', '--work-dir', tmp_path / 'test',
                 '--tta', '--occlude', '--out', out, '--out-item', 'metrics')  # fmt: skip
        reports.append(json.loads(out.read_text()))
    assert reports[0] == reports[1]
    assert reports[0]['fer/occlusion_count'] == 13 + 6 + 6 + 6  # every face of the split


def test_stock_image_classifier_in_mmpretrains_own_script(faces, tmp_path):
    """No classifier and no tool of ranfer: MMPretrain's train.py and ImageClassifier."""
    script = Path(mmpretrain.__file__).parent / '.mim/tools/train.py'
    loaders = '\n'.join(
        f'{split}_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root={str(faces)!r}, generate=None))'
        for split in ('train', 'val', 'test')
    )
    config = tmp_path / 'stock.py'
    config.write_text(
        f"_base_ = ['{ROOT}/configs/examples/stock_image_classifier.py']\n{loaders}\n"
        'model = dict(backbone=dict(base_channels=8), neck=dict(in_channels=64), '
        'head=dict(in_channels=64))\ndata_preprocessor = dict(crop_size=32)\n'
        'train_cfg = dict(max_epochs=1)\nparam_scheduler = []\nvis_backends = None\n'
        "visualizer = dict(type='UniversalVisualizer', vis_backends=None)\n"
    )
    run_script(script, config, '--work-dir', tmp_path / 'work', '--no-persistent-workers')
    state = load_checkpoint(str(tmp_path / 'work/epoch_1.pth'))['state_dict']
    assert {'neck.attention.weight', 'head.attention.weight', 'head.fc.weight'} <= set(state)
    assert all(value.isfinite().all() for value in state.values())


def test_same_seed_same_weights(small, tmp_path):
    states = []
    for name in ('one', 'two'):
        run_tool(
            'train.py', small, '--work-dir', tmp_path / name, '--epochs', 1, '--no-validate',
            '--cfg-options', 'randomness.deterministic=True',
        )  # fmt: skip
        states.append(load_checkpoint(str(tmp_path / name / 'epoch_1.pth'))['state_dict'])
    torch.use_deterministic_algorithms(False)
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (['model.neck.type=ranfer.RANNek'], "did you mean 'ranfer.RANNeck'?"),
        (['model.head.margin=0.1'], "has the key 'margin', which RelationAttentionHead does not"),
        (['model.neck.num_regions=5'], 'num_regions is 5, but the samples have 6 regions'),
        (['model.neck.in_channels=32'], 'RANNeck.in_channels is 32, but the backbone gives'),
        (['model.head.activation=relu'], 'RelationAttentionHead.activation must be one of'),
        (['train_dataloader.dataset.data_root=/nowhere'], "data_root: no folder '/nowhere'"),
        (['train_dataloader.dataset.ann_file=no.json'], 'no.json'),
        (['load_from=/nowhere/model.pth'], '/nowhere/model.pth does not exist'),
    ],
)
def test_mistakes_end_in_one_sentence(small, tmp_path, capsys, options, sentence):
    with pytest.raises(SystemExit) as caught:
        run_tool('train.py', small, '--work-dir', tmp_path, '--cfg-options', *options)
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert 'Traceback' not in error


def merge_args(tool: dict, *argv: object) -> Config:
    """What a tool makes of its options."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', ['tool.py', *map(str, argv)])
        args = tool['parse_args']()
    return tool['merge_args'](Config.fromfile(args.config), args)


def test_a_test_with_the_config_of_a_resumed_training_resumes_nothing(tmp_path):
    resumed = tmp_path / 'resumed.py'
    cfg = Config.fromfile(ROOT / 'configs/examples/debug.py')
    cfg.resume = True
    cfg.dump(resumed)
    tool = runpy.run_path(str(ROOT / 'tools/test.py'))
    cfg = merge_args(tool, resumed, 'epoch_1.pth')
    assert cfg.resume is False and cfg.load_from == 'epoch_1.pth'


@pytest.mark.parametrize('cuda', [False, True])
def test_amp_on_a_config_that_has_mixed_precision(monkeypatch, tmp_path, cuda):
    """A GPU without bfloat16 keeps what the config says; elsewhere there is no loss scaling."""
    tool = runpy.run_path(str(ROOT / 'tools/train.py'))
    monkeypatch.setitem(tool['main'].__globals__, 'takes_amp', lambda: True)
    monkeypatch.setitem(tool['main'].__globals__, 'has_bf16', lambda: False)
    cfg = Config.fromfile(ROOT / 'configs/examples/debug.py')
    optimizer = dict(type='SGD', lr=0.1)
    amp = dict(type='AmpOptimWrapper', loss_scale=8.0, dtype='float16', optimizer=optimizer)
    cfg.optim_wrapper = amp
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
    monkeypatch.setitem(tool['main'].__globals__, 'evaluate_in_half_precision', lambda *_: None)
    tool['use_mixed_precision'](cfg)
    plain = dict(type='ranfer.AutocastOptimWrapper', optimizer=optimizer)
    assert cfg.optim_wrapper == (amp if cuda else plain)


@pytest.mark.parametrize('there', [False, True])
def test_another_checkpoint_hook_keeps_the_weights_to_start_from(tmp_path, there):
    if there:
        (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    cfg = Config(dict(initial_load_from='r18.pth'))
    runner = SimpleNamespace(
        hooks=[CheckpointHook()], work_dir=tmp_path, cfg=cfg, _resume=True, _load_from=None
    )
    runpy.run_path(str(ROOT / 'tools/train.py'))['choose_checkpoint'](runner)
    assert (runner._load_from, runner._resume) == ((None, True) if there else ('r18.pth', False))


def test_a_model_file_of_a_training_with_other_settings(tmp_path, capsys):
    config, out = ROOT / 'configs/examples/debug.py', tmp_path / 'small.pth'
    options = ['--cfg-options', 'data_preprocessor.crop_size=24', 'model.head.dropout=0.1']
    run_tool('train.py', config, '--no-validate', '--epochs', 1, '--work-dir', tmp_path, *options)
    checkpoint = tmp_path / 'epoch_1.pth'
    run_tool('model_converters/publish_model.py', config, checkpoint, out, *options)
    model = ModelFile.load(out).model
    assert model['data_preprocessor']['crop_size'] == 24 and model['head']['dropout'] == 0.1
    before = checkpoint.read_bytes()
    with pytest.raises(SystemExit):
        run_tool('model_converters/publish_model.py', config, checkpoint, checkpoint, *options)
    assert 'is an input itself' in capsys.readouterr().err
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        (('--out', 'pred.csv'), "--out: got 'pred.csv', expected a name in .json, .pkl or .pickle"),
        (('--interval', '5'), '--interval needs --show-dir FOLDER or --show'),
    ],
)
def test_options_of_a_test_that_would_have_no_effect(words, sentence, capsys):
    with pytest.raises(SystemExit):
        run_tool('test.py', 'config.py', 'a.pth', *words)
    assert sentence in capsys.readouterr().err


def test_missing_config(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool('train.py', tmp_path / 'none.py')
    assert 'none.py does not exist' in capsys.readouterr().err


def logs(folder: Path) -> str:
    return ''.join(file.read_text() for file in folder.rglob('*.log'))


def test_another_runner_starts_and_resumes_from_what_can_be_read(tmp_path):
    """MMEngine's FlexibleRunner loads before its hooks are called."""
    debug = ROOT / 'configs/examples/debug.py'
    config = tmp_path / 'flexible.py'
    config.write_text(
        f"_base_ = {str(debug)!r}\nrunner_type = 'FlexibleRunner'\n"
        f"strategy = dict(type='SingleDeviceStrategy')\n"
    )
    arguments = [config, '--no-validate', '--resume', '--work-dir', tmp_path / 'run']
    run_tool('train.py', debug, '--no-validate', '--epochs', 1, '--work-dir', tmp_path / 'first')
    start = f'load_from={tmp_path / "first/epoch_1.pth"}'
    run_tool('train.py', *arguments, '--epochs', 2, '--cfg-options', start)
    assert f'Load checkpoint from {tmp_path / "first/epoch_1.pth"}' in logs(tmp_path / 'run')
    newest = tmp_path / 'run/epoch_2.pth'
    newest.write_bytes(newest.read_bytes()[:1000])
    run_tool('train.py', *arguments, '--epochs', 3, '--cfg-options', start)
    assert f'Training resumes from {tmp_path / "run/epoch_1.pth"}' in logs(tmp_path / 'run')
    assert (tmp_path / 'run/epoch_3.pth').is_file()
