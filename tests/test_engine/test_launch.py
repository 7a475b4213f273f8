"""From options to a config."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from ranfer.engine import launch
from ranfer.engine.launch import (
    add_common_arguments,
    apply_common_arguments,
    evaluate_in_half_precision,
    read_config,
    scale_schedule,
)

ROOT = Path(__file__).resolve().parents[2]


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    return parser.parse_args(['some/exp.py', *options])


def config(**keys) -> Config:
    return Config(dict(dict(model=dict(type='X'), data_preprocessor=dict(crop_size=8)), **keys))


def test_preprocessor_goes_into_the_model_and_work_dir_follows_the_file():
    cfg = apply_common_arguments(config(), parse())
    assert cfg.model.data_preprocessor.crop_size == 8
    assert cfg.work_dir == 'work_dirs/exp'
    assert apply_common_arguments(config(work_dir='a'), parse()).work_dir == 'a'
    assert apply_common_arguments(config(work_dir='a'), parse('--work-dir', 'b')).work_dir == 'b'


def test_options_on_the_top_level_preprocessor_reach_the_model():
    cfg = apply_common_arguments(config(), parse('--cfg-options', 'data_preprocessor.crop_size=9'))
    assert cfg.model.data_preprocessor.crop_size == 9


@pytest.mark.parametrize('text', ['num_workers', 'classes=[a,(b]', 'scale=[1,'])
def test_options_that_are_no_settings(text, capsys):
    assert parse('--cfg-options', 'a=1', 'b.c=[1,2]').cfg_options == {'a': 1, 'b.c': [1, 2]}
    with pytest.raises(SystemExit):
        parse('--cfg-options', 'a=1', text)
    assert f'--cfg-options: got {text!r}, expected key=value' in capsys.readouterr().err


@pytest.mark.parametrize('prefix', ['', 'model.'])
def test_options_reach_a_preprocessor_of_the_model_s_own(prefix):
    both = dict(mean=[1.0], crop_size=5)
    for given in (dict(type='X'), dict(type='X', data_preprocessor=dict(both))):
        cfg = config(model=given, data_preprocessor=dict(both))
        option = f'{prefix}data_preprocessor.crop_size=9'
        cfg = apply_common_arguments(cfg, parse('--cfg-options', option))
        assert cfg.model.data_preprocessor == dict(mean=[1.0], crop_size=9)


def test_a_mistyped_section_is_refused_and_a_new_one_taken():
    with pytest.raises(ValueError, match="no 'data_preprocesor'; did you mean 'data_preprocessor'"):
        apply_common_arguments(
            config(data_preprocessor=dict(crop_size=5)),
            parse('--cfg-options', 'data_preprocesor.crop_size=9'),
        )
    cfg = apply_common_arguments(config(), parse('--cfg-options', 'load_from=a.pth', 'resumed=1'))
    assert cfg.load_from == 'a.pth' and cfg.resumed == 1


def test_loaders_without_workers_do_not_persist():
    loader = dict(num_workers=0, persistent_workers=True, pin_memory=True)
    cfg = apply_common_arguments(config(train_dataloader=loader), parse('--no-pin-memory'))
    assert not cfg.train_dataloader.persistent_workers and not cfg.train_dataloader.pin_memory
    loader = dict(num_workers=1, persistent_workers=True)
    cfg = apply_common_arguments(config(train_dataloader=loader), parse())
    assert cfg.train_dataloader.persistent_workers
    cfg = apply_common_arguments(
        config(train_dataloader=dict(loader)), parse('--no-persistent-workers')
    )
    assert not cfg.train_dataloader.persistent_workers


def test_deterministic_randomness_reaches_cublas(monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    apply_common_arguments(config(randomness=dict(seed=0)), parse())
    assert 'CUBLAS_WORKSPACE_CONFIG' not in os.environ
    option = 'randomness.deterministic=True'
    apply_common_arguments(config(randomness=dict(seed=0)), parse('--cfg-options', option))
    assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'


@pytest.mark.parametrize('seed', ['abc', -1, 1.5])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ValueError) as caught:
        apply_common_arguments(config(), parse('--cfg-options', f'randomness.seed={seed}'))
    assert str(caught.value) == (
        f'randomness.seed is {seed!r}, must be a whole number from 0 to 4294967295, or None for '
        f'another one in every run.'
    )


def test_schedule_scales_with_the_epochs():
    cfg = Config(
        dict(
            train_cfg=dict(max_epochs=60),
            param_scheduler=[
                dict(type='LinearLR', begin=0, end=3),
                dict(type='MultiStepLR', milestones=[18, 30, 48], begin=3, end=60),
            ],
        )
    )
    scale_schedule(cfg, 20)
    assert cfg.train_cfg.max_epochs == 20
    assert cfg.param_scheduler[0] == dict(type='LinearLR', begin=0, end=1)
    assert cfg.param_scheduler[1].milestones == [6, 10, 16]
    assert cfg.param_scheduler[1].end == 20
    short = dict(type='LinearLR', begin=0, end=2)
    cfg = Config(dict(train_cfg=dict(max_epochs=10), param_scheduler=short))
    scale_schedule(cfg, 1)
    assert cfg.param_scheduler == []
    single = Config(
        dict(train_cfg=dict(max_epochs=10), param_scheduler=dict(type='S', milestones=[5]))
    )
    scale_schedule(single, 4)
    assert single.param_scheduler.milestones == [2]


@pytest.mark.parametrize('epochs', range(1, 13))
def test_a_warm_up_ends_where_the_next_part_begins(epochs):
    cfg = Config.fromfile(ROOT / 'configs/_base_/schedules/onecycle.py')
    scale_schedule(cfg, epochs)
    *warm_up, cosine = cfg.param_scheduler
    end = round(0.2 * epochs)
    assert [(s.type, s.begin, s.end) for s in warm_up] == [('LinearLR', 0, end)] * (end > 0)
    assert (cosine.begin, cosine.end) == (end, epochs)
    assert all(type(s[key]) is int for s in cfg.param_scheduler for key in ('begin', 'end'))


def test_an_open_end_stays():
    schedule = dict(type='ConstantLR', by_epoch=True, begin=5, end=None)
    cfg = Config(dict(train_cfg=dict(by_epoch=True, max_epochs=10), param_scheduler=[schedule]))
    scale_schedule(cfg, 2)
    assert cfg.param_scheduler[0].begin == 1


def test_cycles_and_restarts_are_scaled_too():
    cycle = dict(type='OneCycleLR', total_steps=2)
    restarts = dict(type='CosineRestartLR', periods=[1, 3])
    cfg = Config(dict(train_cfg=dict(max_epochs=4), param_scheduler=[cycle, restarts]))
    scale_schedule(cfg, 8)
    assert cfg.param_scheduler[0].total_steps == 4
    assert cfg.param_scheduler[1].periods == [2, 6]


@pytest.mark.parametrize(
    ('train_cfg', 'epochs'), [(dict(max_epochs=10), 0), (dict(by_epoch=False, max_iters=10), 3)]
)
def test_schedule_that_cannot_scale(train_cfg, epochs):
    with pytest.raises(ValueError, match='--epochs needs a number from 1'):
        scale_schedule(Config(dict(train_cfg=train_cfg)), epochs)


def test_unreadable_configs_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nothing\.py does not exist'):
        read_config(str(tmp_path / 'nothing.py'))
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(type=')
    with pytest.raises(ValueError, match=r'broken\.py cannot be read'):
        read_config(str(broken))
    broken.write_bytes('# Größe\nmodel = dict()\n'.encode('latin-1'))
    with pytest.raises(ValueError, match=r'broken\.py, or .* is not UTF-8 .*; save it as UTF-8'):
        read_config(str(broken))


@pytest.fixture
def started(monkeypatch) -> list[dict]:
    """Calls that would start a process group on a machine without GPUs."""
    calls: list[dict] = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(
        torch.distributed, 'init_process_group', lambda *a, **k: calls.append(dict(k, backend=a[0]))
    )
    return calls


def test_processes_without_gpus_wait_as_long_as_the_config_says(started):
    env_cfg = dict(dist_cfg=dict(backend='nccl', timeout=90))
    apply_common_arguments(config(env_cfg=env_cfg), parse('--launcher', 'pytorch'))
    apply_common_arguments(config(), parse('--launcher', 'pytorch'))
    minutes = [dict(backend='gloo', timeout=timedelta(minutes=m)) for m in (1.5, 30)]
    assert started == minutes


@pytest.mark.parametrize('timeout', [0, -1, '10', None])
def test_timeouts_that_are_no_time(started, timeout):
    cfg = config(env_cfg=dict(dist_cfg=dict(timeout=timeout)))
    with pytest.raises(ValueError, match=r'env_cfg\.dist_cfg\.timeout must be a number of seconds'):
        apply_common_arguments(cfg, parse('--launcher', 'pytorch'))
    assert not started


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = torch.get_autocast_gpu_dtype()
    yield
    torch.set_autocast_gpu_dtype(before)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize(('bf16', 'dtype'), [(True, torch.bfloat16), (False, torch.float16)])
def test_evaluation_computes_in_the_type_of_the_training(monkeypatch, default_dtype, bf16, dtype):
    torch.set_autocast_gpu_dtype(torch.float16)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(launch, 'has_bf16', lambda: bf16)
    cfg = config(val_cfg=None, test_cfg=dict())
    evaluate_in_half_precision(cfg, 'val_cfg', 'test_cfg')
    assert torch.get_autocast_gpu_dtype() == dtype
    assert cfg.test_cfg.fp16 and cfg.val_cfg is None
