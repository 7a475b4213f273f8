"""Loading checkpoints: what MMEngine writes is read, what could run code is refused."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import CheckpointLoader

from ranfer.engine import load_checkpoint


def save(tmp_path, content, name='model.pth'):
    path = str(tmp_path / name)
    torch.save(content, path)
    return path


def load_as_before_pytorch_2_4(path: str) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(torch.serialization, 'add_safe_globals', raising=False)
        load = torch.load
        patch.setattr(
            torch, 'load', lambda *a, **k: load(*a, **dict(dict(weights_only=False), **k))
        )
        return load_checkpoint(path)


LOADERS = [load_checkpoint, CheckpointLoader.load_checkpoint, load_as_before_pytorch_2_4]


@pytest.mark.parametrize('loader', LOADERS)
def test_reads_what_mmengine_stores(tmp_path, loader):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    content = dict(
        state_dict=dict(weight=torch.randn(3), half=torch.ones(2).half()),
        message_hub=dict(log_scalars=dict(loss=buffer), resumed_keys=dict(loss=True)),
        meta=dict(
            epoch=3,
            nothing=b'',
            milestones=Counter([3]),
            value=np.float64(0.5),
            counts=np.arange(3),
        ),
    )
    loaded = loader(save(tmp_path, content))
    torch.testing.assert_close(loaded['state_dict'], content['state_dict'])
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 1.5
    assert loaded['meta']['value'] == 0.5 and loaded['meta']['counts'].tolist() == [0, 1, 2]


SCHEDULERS = [
    dict(type='OneCycleLR', eta_max=0.1, total_steps=10),
    dict(type='MultiStepLR', milestones=[3]),
    dict(type='CosineAnnealingLR', T_max=5),
    dict(type='LinearLR', end=3),
    dict(type='PolyLR', end=3),
    dict(type='ReduceOnPlateauLR', monitor='loss'),
]


@pytest.mark.parametrize('loader', LOADERS)
@pytest.mark.parametrize('config', SCHEDULERS, ids=lambda config: config['type'])
def test_reads_the_state_of_schedulers(tmp_path, loader, config):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    scheduler = PARAM_SCHEDULERS.build(config, default_args=dict(optimizer=optimizer))
    state = loader(save(tmp_path, dict(param_schedulers=[scheduler.state_dict()])))
    scheduler.load_state_dict(state['param_schedulers'][0])


class _Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


@pytest.mark.parametrize('loader', LOADERS)
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path, loader):
    trace = tmp_path / 'executed'
    path = save(tmp_path, dict(state_dict={}, meta=_Malicious(trace)))
    with pytest.raises(ValueError, match=r'model\.pth was refused.*could run code'):
        loader(path)
    assert not trace.exists()


class _Getattr:
    def __init__(self, owner, name):
        self.call = getattr, (owner, name)

    def __reduce__(self):
        return self.call


UNKNOWN = [
    (HistoryBuffer, '__init__'),
    (OneCycleParamScheduler, 'step'),
    (np.ndarray, 'min'),
]


@pytest.mark.parametrize('loader', LOADERS)
@pytest.mark.parametrize(('owner', 'name'), UNKNOWN)
def test_getattr_reaches_known_functions_alone(tmp_path, loader, owner, name):
    path = save(tmp_path, dict(state_dict={}, meta=_Getattr(owner, name)))
    with pytest.raises(ValueError, match=r'model\.pth was refused'):
        loader(path)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.pth does not exist'):
        load_checkpoint(str(tmp_path / 'none.pth'))
    path = save(tmp_path, dict(state_dict=dict(weight=torch.randn(1000))))
    data = open(path, 'rb').read()
    for length in (0, 10, len(data) // 2, len(data) - 30):
        with open(path, 'wb') as file:
            file.write(data[:length])
        with pytest.raises(ValueError, match=r'model\.pth (cannot be read|was refused)'):
            load_checkpoint(path)
