"""From options to a config."""

from __future__ import annotations

import argparse
import os
from datetime import timedelta

import pytest
import torch
from mmengine.config import Config

from ranfer.engine.launch import (
    add_common_arguments,
    apply_common_arguments,
    read_config,
)


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
    assert parse('--cfg-options', 'a=1', 'b.c=[1, 2]').cfg_options == {'a': 1, 'b.c': [1, 2]}
    paths = parse('--cfg-options', 'a=my data/new (1)', "b='x y'", 'c= 3').cfg_options
    assert paths == dict(a='my data/new (1)', b='x y', c=3)
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


def test_options_reach_the_preprocessor_of_a_model_that_replaces_another():
    cfg = config(model=dict(type='X', a=1), data_preprocessor=dict(type='P', crop_size=5))
    words = ['model._delete_=True', 'model.type=Y', 'data_preprocessor.crop_size=9']
    cfg = apply_common_arguments(cfg, parse('--cfg-options', *words))
    assert cfg.model.to_dict() == dict(type='Y', data_preprocessor=dict(type='P', crop_size=9))


def test_a_mistyped_section_is_refused_and_a_new_one_taken():
    with pytest.raises(ValueError, match="no 'data_preprocesor'; did you mean 'data_preprocessor'"):
        apply_common_arguments(
            config(data_preprocessor=dict(crop_size=5)),
            parse('--cfg-options', 'data_preprocesor.crop_size=9'),
        )
    for name in ('modle', 'modl'):
        with pytest.raises(ValueError, match=f"no '{name}'; did you mean 'model'"):
            apply_common_arguments(config(), parse('--cfg-options', f'{name}.type=X'))
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
