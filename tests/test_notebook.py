"""The notebook runs from top to bottom, and stays small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / 'docs/notebooks').glob('*.ipynb'))


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    pyplot = pytest.importorskip('matplotlib.pyplot')
    pyplot.switch_backend('agg')
    monkeypatch.setenv('NOTEBOOK_STEPS', '1')
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for number, cell in enumerate(json.loads(path.read_text(encoding='utf-8'))['cells']):
        if cell['cell_type'] == 'code':
            exec(compile(''.join(cell['source']), f'{path.name}, cell {number}', 'exec'), names)
    pyplot.close('all')
    assert float(names['answer'].region_weights.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_small(path):
    assert path.stat().st_size < 16_000
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    outputs = [output for cell in cells for output in cell.get('outputs', ())]
    assert all(output['output_type'] == 'stream' for output in outputs)
