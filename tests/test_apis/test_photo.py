"""A photo, the shipped weights and a fresh process: what most people try first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from schema import check_prediction

from ranfer.apis import shipped_models

ROOT = Path(__file__).parents[2]

needs_weights = pytest.mark.skipif(not shipped_models(), reason='this copy has no shipped weights')


@pytest.fixture
def astronaut() -> Path:
    """The portrait that comes with scikit-image, which is not imported."""
    if find_spec('skimage') is None:
        pytest.skip('the photo comes with scikit-image: pip install scikit-image')
    return Path(find_spec('skimage').origin).parent / 'data/astronaut.png'


@needs_weights
def test_photo_with_shipped_weights(astronaut, tmp_path):
    command = [sys.executable, '-m', 'ranfer.cli', 'predict', str(astronaut), '--json', '-']
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [*command, '--out', 'pictures', '--device', 'cpu'],
        cwd=tmp_path,
        env=os.environ | dict(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr == 'Pictures are in pictures.\n'  # and no warning
    [line] = done.stdout.splitlines()
    values = json.loads(line)
    check_prediction(values)
    [face] = values['faces']
    x1, y1, x2, y2 = face['box']
    assert x1 < 224 < x2 and y1 < 115 < y2  # the tip of the nose
    assert face['label'] == 'happiness'
    assert sum(region['weight'] for region in face['regions']) == pytest.approx(1, abs=1e-4)
    pictures = {path.name for path in (tmp_path / 'pictures').iterdir()}
    assert pictures == {'astronaut.jpg', 'astronaut_face0.png'}
