"""A worker dies, torchrun starts all anew, training ends with the weights of an undisturbed run."""

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


def start(config: Path, work: Path, log: Path) -> subprocess.Popen:
    """Two processes that train for four epochs on a port that is free."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    options = ['2', '--work-dir', work, '--epochs', '4', '--resume', '--cfg-options']
    options += ['train_dataloader.batch_size=2', 'train_dataloader.num_workers=0']
    with open(log, 'w') as file:
        return subprocess.Popen(
            ['bash', str(ROOT / 'tools/dist_train.sh'), str(config), *map(str, options)],
            env=environment(PORT=str(port), MAX_RESTARTS='2'),
            stdout=file,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.skipif(sys.platform != 'linux', reason='looks for processes in /proc')
def test_training_ends_after_a_killed_worker(small, tmp_path):
    work, log = tmp_path / 'work', tmp_path / 'log'
    process = start(small, work, log)
    try:
        wait_for(lambda: (work / 'last_checkpoint').exists() or process.poll() is not None)
        os.kill(workers(process.pid)[1], signal.SIGKILL)
        assert process.wait(timeout=600) == 0
    finally:
        process.kill()
    text = log.read_text()
    if digit_version(torch.__version__) >= digit_version(
        '2.4'
    ):  # earlier torchrun restarts silently
        assert 'Signal 9 (SIGKILL)' in text or 'exitcode: -9' in text, text[-3000:]
    assert 'resumed epoch' in text
    ended = load_checkpoint(str(work / 'epoch_4.pth'))
    assert (ended['meta']['epoch'], ended['meta']['iter']) == (4, 4 * 12)

    undisturbed = start(small, tmp_path / 'whole', tmp_path / 'whole_log')
    assert undisturbed.wait(timeout=600) == 0, (tmp_path / 'whole_log').read_text()[-3000:]
    whole = load_checkpoint(str(tmp_path / 'whole/epoch_4.pth'))
    for key, value in whole['state_dict'].items():
        torch.testing.assert_close(ended['state_dict'][key], value, rtol=1e-3, atol=1e-4, msg=key)
