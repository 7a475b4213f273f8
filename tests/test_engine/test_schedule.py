"""Schedules of another length."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from ranfer.engine.schedule import scale_schedule

ROOT = Path(__file__).resolve().parents[2]


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
