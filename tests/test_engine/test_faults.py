"""Who is missing when a collective breaks off."""

from __future__ import annotations

import pytest
from torch.distributed import TCPStore

from ranfer.engine import faults
from ranfer.engine.errors import one_sentence_errors
from ranfer.engine.faults import name_lost_processes


@pytest.fixture
def store(monkeypatch) -> TCPStore:
    """The launcher's store, as process 0 of 3 finds it."""
    held = TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False)
    variables = dict(RANK=0, WORLD_SIZE=3, MASTER_ADDR='127.0.0.1', MASTER_PORT=held.port)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(faults, '_PATIENCE', 1)
    return held


TIMEOUT = RuntimeError('[gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 20000ms')


def test_names_who_does_not_report(store, capsys):
    store.add('ranfer/lost/0/2', 1)
    with pytest.raises(SystemExit), one_sentence_errors():
        raise TIMEOUT
    error = capsys.readouterr().err
    assert error.startswith('Error in process 0 of 3: Lost process 1, which ended or did not')
    assert 'env_cfg.dist_cfg.timeout' in error and 'Timed out waiting 20000ms' in error
    assert store.add('ranfer/lost/0/0', 0) == 1


def test_names_all_who_do_not_report(store):
    with pytest.raises(ConnectionError, match='Lost process 1, 2, which'), name_lost_processes():
        raise TIMEOUT


def test_a_store_that_is_gone_names_nobody(store, monkeypatch):
    monkeypatch.delenv('MASTER_PORT')
    with pytest.raises(ConnectionError, match='Lost another process'), name_lost_processes():
        raise TIMEOUT


def test_of_two_processes_it_is_the_other(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    with pytest.raises(ConnectionError, match='Lost process 0, which'), name_lost_processes():
        raise TIMEOUT


def test_other_errors_pass(store, monkeypatch):
    with pytest.raises(RuntimeError, match='mat1'), name_lost_processes():
        raise RuntimeError('mat1 and mat2 shapes cannot be multiplied')
    monkeypatch.setenv('WORLD_SIZE', '1')
    with pytest.raises(RuntimeError, match='gloo'), name_lost_processes():
        raise TIMEOUT
