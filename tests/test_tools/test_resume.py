"""Killed in the middle of an epoch, resumed, finished."""

from __future__ import annotations

import signal
import time

from test_tools.conftest import start_tool

from ranfer.engine import load_checkpoint


def wait_for(condition, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'waited too long'
        time.sleep(0.02)


def test_resume_after_a_kill_in_mid_epoch(small, tmp_path):
    work = tmp_path / 'work'
    options = [small, '--work-dir', work, '--epochs', 3, '--no-validate']
    process = start_tool('train.py', *options, '--cfg-options', 'train_dataloader.batch_size=2')
    wait_for(lambda: (work / 'last_checkpoint').exists() or process.poll() is not None)
    time.sleep(0.2)  # into the second epoch of 24 iterations
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (work / 'epoch_3.pth').exists()

    resumed = start_tool(
        'train.py', *options, '--resume', '--cfg-options', 'train_dataloader.batch_size=2'
    )
    output = resumed.communicate(timeout=180)[0]
    assert resumed.returncode == 0, output[-2000:]
    assert 'resumed epoch: 1' in output or 'resumed epoch: 2' in output
    assert load_checkpoint(str(work / 'epoch_3.pth'))['meta']['epoch'] == 3
