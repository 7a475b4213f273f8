"""A worker dies, torchrun starts all anew, training resumes and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.utils import digit_version
from test_tools.conftest import ROOT, environment
from test_tools.test_resume import wait_for

from ranfer.engine import load_checkpoint


def command_line(pid: int) -> str:
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()
    except OSError:
        return ''


def parent(pid: int) -> int:
    try:
        return int(Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[1])
    except OSError:
        return 0


def workers(launcher: int) -> list[int]:
    """Processes that torchrun started: their parent is torchrun, whose parent is the launcher."""
    pids = [int(path.name) for path in Path('/proc').iterdir() if path.name.isdigit()]
    runs = [p for p in pids if parent(p) == launcher and 'torch.distributed.run' in command_line(p)]
    return sorted(p for p in pids if parent(p) in runs and 'train.py' in command_line(p))


@pytest.mark.skipif(sys.platform != 'linux', reason='looks for processes in /proc')
def test_training_ends_after_a_killed_worker(small, tmp_path):
    work = tmp_path / 'work'
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    options = ['2', '--work-dir', work, '--epochs', '4', '--resume', '--cfg-options']
    options += ['train_dataloader.batch_size=2', 'train_dataloader.num_workers=0']
    with open(tmp_path / 'log', 'w') as log:
        process = subprocess.Popen(
            ['bash', str(ROOT / 'tools/dist_train.sh'), str(small), *map(str, options)],
            # One restart for the kill, two more for a machine so loaded that the workers miss each other.
            env=environment(PORT=str(port), MAX_RESTARTS='3'),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: (work / 'last_checkpoint').exists() or process.poll() is not None)
            before = workers(process.pid)
            os.kill(before[1], signal.SIGKILL)
            assert process.wait(timeout=600) == 0
        finally:
            process.kill()
    text = (tmp_path / 'log').read_text()
    if digit_version(torch.__version__) >= digit_version(
        '2.4'
    ):  # earlier torchrun restarts silently
        assert 'Signal 9 (SIGKILL)' in text or 'exitcode: -9' in text, text[-3000:]
    assert 'resumed epoch' in text
    meta = load_checkpoint(str(work / 'epoch_4.pth'))['meta']
    assert (meta['epoch'], meta['iter']) == (4, 4 * 12)
