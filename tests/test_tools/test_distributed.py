"""Two gloo processes against one."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest
import torch
from test_tools.conftest import ROOT, environment, run_tool

from ranfer.engine import load_checkpoint

# Frozen batch norm and no augmentation: what is left must agree to rounding.
EXACT = """
model = dict(backbone=dict(norm_eval=True))
train_dataloader = dict(batch_size={batch}, dataset=dict(pipeline=_base_.test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.01))
"""


def distributed(script: str, *options: object) -> str:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    result = subprocess.run(
        ['bash', str(ROOT / 'tools' / script), *map(str, options)],
        env=environment(PORT=str(port), MAX_RESTARTS='1'),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    return result.stdout + result.stderr


@pytest.fixture
def exact(small):
    def write(batch: int):
        path = small.with_name(f'exact{batch}.py')
        loaders = small.read_text().split('\n', 1)[1]
        base = small.read_text().split('\n', 1)[0]
        path.write_text(f'{base}\n{loaders}')
        child = small.with_name(f'exact{batch}_child.py')
        child.write_text(f'_base_ = [{str(path)!r}]\n{EXACT.format(batch=batch)}')
        return child

    return write


def test_two_processes_equal_one(exact, tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    run_tool('train.py', exact(16), '--work-dir', one, '--epochs', 2, '--no-validate')
    distributed(
        'dist_train.sh', exact(8), 2, '--work-dir', two, '--epochs', 2, '--no-validate'
    )  # fmt: skip
    single = load_checkpoint(str(one / 'epoch_2.pth'))
    double = load_checkpoint(str(two / 'epoch_2.pth'))
    assert single['meta']['iter'] == double['meta']['iter'] == 6
    for key, value in single['state_dict'].items():
        torch.testing.assert_close(double['state_dict'][key], value, atol=1e-5, rtol=1e-4)

    checkpoint = one / 'epoch_2.pth'
    run_tool('test.py', exact(16), checkpoint, '--work-dir', one)
    distributed('dist_test.sh', exact(16), checkpoint, 2, '--work-dir', two)
    reports = [json.loads((folder / 'report.json').read_text()) for folder in (one, two)]
    # 31 images do not divide by two: every one is counted, none twice.
    assert sum(map(sum, reports[1]['confusion'])) == 13
    assert reports[0].pop('calibration_error') == pytest.approx(
        reports[1].pop('calibration_error'), abs=1e-4
    )
    assert reports[0] == reports[1]


def test_validation_is_of_the_weights_that_are_saved(small, tmp_path):
    """Every process has batch statistics of its own until they are made common."""
    distributed('dist_train.sh', small, 2, '--work-dir', tmp_path, '--epochs', 1)
    (scalars,) = tmp_path.rglob('scalars.json')
    validated = json.loads(scalars.read_text().splitlines()[-1])
    run_tool('test.py', small, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path,
             '--out', tmp_path / 'figures.json', '--out-item', 'metrics', '--cfg-options',
             'test_dataloader.dataset.ann_file=val.json',
             'test_evaluator.overall=None')  # fmt: skip
    saved = json.loads((tmp_path / 'figures.json').read_text())
    key = 'fer/calibration_error'
    assert validated[key] == pytest.approx(saved[key], abs=1e-4)
