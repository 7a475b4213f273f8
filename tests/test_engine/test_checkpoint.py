"""Loading checkpoints: what MMEngine writes is read, what could run code is refused."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from ranfer.engine import checkpoint, load_checkpoint


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


class _Call:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('loader', LOADERS)
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path, loader):
    trace = tmp_path / 'executed'
    path = save(tmp_path, dict(state_dict={}, meta=_Call(os.system, f'touch {trace}')))
    with pytest.raises(ValueError, match=r'model\.pth was refused.*could run code'):
        loader(path)
    assert not trace.exists()


UNKNOWN = [
    (HistoryBuffer, '__init__'),
    (OneCycleParamScheduler, 'step'),
    (np.ndarray, 'min'),
]


@pytest.mark.parametrize('loader', LOADERS)
@pytest.mark.parametrize(('owner', 'name'), UNKNOWN)
def test_getattr_reaches_known_functions_alone(tmp_path, loader, owner, name):
    path = save(tmp_path, dict(state_dict={}, meta=_Call(getattr, owner, name)))
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


def test_no_cut_of_a_file_of_the_old_format_is_a_traceback(tmp_path):
    path = str(tmp_path / 'model.pth')
    state = dict(state_dict=dict(weight=torch.randn(30)))
    torch.save(state, path, _use_new_zipfile_serialization=False)
    data = open(path, 'rb').read()
    for length in range(0, len(data), 7):
        with open(path, 'wb') as file:
            file.write(data[:length])
        with pytest.raises(ValueError, match=r'model\.pth (cannot be read|was refused)'):
            load_checkpoint(path)


@pytest.mark.parametrize('content', [[1, 2], torch.zeros(2)])
def test_what_is_no_dict_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r'model\.pth holds a (list|Tensor), expected a dict'):
        load_checkpoint(save(tmp_path, content))


@pytest.mark.parametrize('content', [b'version https://git-lfs', b'<!DOCTYPE html>', b'\x89PNG'])
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path, content):
    path = tmp_path / 'model.pth'
    path.write_bytes(content * 20)
    known = r'model\.pth cannot be read .* no PyTorch checkpoint'
    with pytest.raises(ValueError, match=known) as error:
        load_checkpoint(str(path))
    assert 'weights_only' not in str(error.value)


@pytest.fixture
def address(tmp_path, monkeypatch) -> Iterator[str]:
    """Address of the test's folder, with an empty cache."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_address[1]}'
        server.shutdown()


def test_a_downloaded_checkpoint_is_as_safe_as_a_local_one(tmp_path, address):
    save(tmp_path, dict(state_dict=dict(weight=torch.ones(2))))
    loaded = CheckpointLoader.load_checkpoint(f'{address}/model.pth', 'cpu', logger='silent')
    assert loaded['state_dict']['weight'].tolist() == [1, 1]
    (tmp_path / 'model.pth').unlink()
    CheckpointLoader.load_checkpoint(f'{address}/model.pth', logger='silent')  # from the cache
    os.rename(save(tmp_path, {}), tmp_path / 'epoch-60.pth')  # 60 is no hash
    CheckpointLoader.load_checkpoint(f'{address}/epoch-60.pth', logger='silent')
    os.rename(save(tmp_path, {}), tmp_path / 'net-f37072fd.pth')
    with pytest.raises(OSError, match=r'net-f37072fd\.pth cannot be fetched .*invalid hash'):
        CheckpointLoader.load_checkpoint(f'{address}/net-f37072fd.pth', logger='silent')
    trace = tmp_path / 'executed'
    os.rename(save(tmp_path, dict(meta=_Call(os.system, f'touch {trace}'))), tmp_path / 'bad.pth')
    for load in (CheckpointLoader.load_checkpoint, mmengine_checkpoint.load_from_http):
        with pytest.raises(ValueError, match=r'bad\.pth was refused.*could run code'):
            load(f'{address}/bad.pth')
    assert not trace.exists()


def test_a_node_whose_main_process_is_elsewhere_fetches_its_own(tmp_path, address, monkeypatch):
    save(tmp_path, dict(state_dict=dict(weight=torch.ones(2))))
    monkeypatch.setattr(checkpoint, 'is_main_process', lambda: False)
    loaded = CheckpointLoader.load_checkpoint(f'{address}/model.pth', logger='silent')
    assert loaded['state_dict']['weight'].tolist() == [1, 1]


def test_addresses_that_lead_nowhere_are_one_sentence(address):
    with pytest.raises(OSError, match=r'none\.pth cannot be fetched .*404'):
        CheckpointLoader.load_checkpoint(f'{address}/none.pth')
    for name in ('s3://bucket/a.pth', 'open-mmlab:s3://bucket/a.pth', 'pavi://a.pth'):
        with pytest.raises(ValueError, match='lies in an object store'):
            CheckpointLoader.load_checkpoint(name)


def test_text_that_mmengine_would_run_to_resume_is_left_out(tmp_path):
    path = save(tmp_path, dict(state_dict={}, meta=dict(config='raise SystemExit', epoch=1)))
    assert load_checkpoint(path)['meta'] == dict(epoch=1)
