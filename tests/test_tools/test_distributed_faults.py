"""One of two processes raises or hangs: the job ends and says which one and why."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest
from test_tools.conftest import ROOT, environment

TIMEOUT = 40
HOOK = """
import time
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class FaultHook(Hook):
    def __init__(self, kind):
        self.kind = kind

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and get_rank() == 1:
            print('THE FAULT BEGINS', flush=True)
            if self.kind == 'hangs':
                time.sleep(3600)
            raise ValueError('the label of 7.png is broken')
"""


@pytest.fixture
def job(small, tmp_path):
    """Start two processes of which number 1 goes wrong in the third iteration."""
    (tmp_path / 'faults_of_tests.py').write_text(HOOK)
    running = []

    def start(kind: str) -> subprocess.Popen:
        config = tmp_path / f'{kind}.py'
        config.write_text(
            f"_base_ = ['small.py']\ncustom_hooks = [dict(type='FaultHook', kind={kind!r})]\n"
            "custom_imports = dict(imports=['ranfer', 'faults_of_tests'])\n"
            f'env_cfg = dict(dist_cfg=dict(timeout={TIMEOUT}))\n'
        )
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        options = ['2', '--work-dir', tmp_path / kind, '--no-validate', '--cfg-options']
        options += ['train_dataloader.batch_size=4']
        process = subprocess.Popen(
            ['bash', str(ROOT / 'tools/dist_train.sh'), str(config), *map(str, options)],
            env=environment(PORT=str(port), PYTHONPATH=f'{ROOT}:{tmp_path}'),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()


def test_a_fault_of_one_process_ends_the_job_and_is_named(job):
    raising, hanging = job('raises'), job('hangs')
    output = raising.communicate(timeout=400)[0]
    assert raising.returncode != 0
    assert 'Error in process 1 of 2: the label of 7.png is broken' in output, output[-3000:]

    begin = None
    lines = []
    for line in hanging.stdout:
        lines.append(line)
        if 'THE FAULT BEGINS' in line:
            begin = time.monotonic()
    assert hanging.wait(timeout=400) != 0
    output = ''.join(lines)
    assert begin is not None, output[-3000:]
    assert 'Error in process 0 of 2: Lost process 1, which ended or did not answer' in output
    assert time.monotonic() - begin < TIMEOUT + 180  # not the hour of the hang
