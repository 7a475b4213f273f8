"""The table of the quickstart and the check of the metafiles."""

from __future__ import annotations

import runpy
import subprocess

import pytest
from test_tools.conftest import ROOT


def report(accuracy: float, **conditions: float) -> dict:
    return dict(accuracy=accuracy, conditions={n: dict(accuracy=a) for n, a in conditions.items()})


def test_comparison_table():
    comparison = runpy.run_path(str(ROOT / 'tools/quickstart.py'))['comparison']
    plain = [
        report(60, occlusion=40, pose30=50, pose45=45),
        report(62, occlusion=44, pose30=50, pose45=45),
    ]
    ran = [
        report(70, occlusion=47, pose30=55, pose45=45),
        report(70, occlusion=47, pose30=55, pose45=44),
    ]
    rows = comparison(dict(plain=plain, ran=ran)).splitlines()
    assert '61.00 ± 1.41' in rows[2] and '42.00 ± 2.83' in rows[2]
    assert [cell.strip() for cell in rows[4].split('|')[2:6]] == [
        '+9.00',
        '+5.00',
        '+5.00',
        '-0.50',
    ]
    single = comparison(dict(plain=plain[:1], ran=ran[:1]))
    assert '±' not in single and '+10.00' in single


def test_metafile_problems_are_named(tmp_path):
    problems = runpy.run_path(str(ROOT / 'tools/misc/check_metafiles.py'))['problems']
    assert list(problems(ROOT)) == []
    (tmp_path / 'model-index.yml').write_text('Import: [a/metafile.yml, b/metafile.yml]')
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/README.md').write_text('It reaches 80.10.')
    (tmp_path / 'a/metafile.yml').write_text(
        'Models: [{Name: m, Config: a/none.py, Results: [{Metrics: {x: 80.1, y: 12.34}}]}]'
    )
    found = list(problems(tmp_path))
    assert found == [
        'm: Config a/none.py does not exist.',
        'm: y 12.34 is missing in the README beside it.',
        'model-index.yml imports b/metafile.yml, which does not exist.',
    ]


@pytest.mark.parametrize('name', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_a_launcher_without_its_arguments_tells_its_usage(name):
    command = ['bash', str(ROOT / f'tools/{name}.sh'), 'config.py']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f'Usage: tools/{name}.sh ')
