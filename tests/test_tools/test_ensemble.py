"""From two tests to one fused table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_tools.conftest import run_tool

from ranfer.evaluation import Predictions


def test_saved_predictions_give_the_table_of_the_test_again(small, tmp_path, capsys):
    work = tmp_path / 'work'
    run_tool('train.py', small, '--work-dir', work, '--epochs', 1, '--no-validate')
    files = {}
    for name, options in dict(plain=[], occluded=['--occlude', 3]).items():
        files[name] = tmp_path / f'{name}.json'
        run_tool('test.py', small, work / 'epoch_1.pth', '--work-dir', tmp_path / name,
                 '--out', files[name], *options)  # fmt: skip
    capsys.readouterr()
    run_tool('analysis_tools/ensemble.py', files['plain'], '--report', tmp_path / 'report.json')
    assert capsys.readouterr().out.strip() == (tmp_path / 'plain/report.md').read_text().strip()
    report, plain, occluded = (
        json.loads(path.read_text())
        for path in (
            tmp_path / 'report.json',
            tmp_path / 'plain/report.json',
            tmp_path / 'occluded/report.json',
        )
    )
    assert report['calibration_error'] == pytest.approx(plain['calibration_error'], abs=1e-4)
    assert report['confusion'] == plain['confusion']
    assert occluded['conditions']['occlusion']['count'] == len(
        Predictions.load(files['plain']).names
    )
    fused = tmp_path / 'fused.json'
    run_tool('analysis_tools/ensemble.py', *files.values(), '--weights', 3, 1, '--out', fused)
    scores = [np.array(Predictions.load(path).scores) for path in (*files.values(), fused)]
    np.testing.assert_allclose(scores[2], 0.75 * scores[0] + 0.25 * scores[1], atol=1e-7)
    assert not np.allclose(scores[0], scores[1])


def test_mistakes_end_in_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool('analysis_tools/ensemble.py', tmp_path / 'none.json')
    assert 'Error: Predictions' in capsys.readouterr().err
