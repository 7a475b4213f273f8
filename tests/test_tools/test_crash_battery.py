"""The short form of tools/misc/crash_battery.py: two kills by SIGKILL."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_tools.conftest import ROOT, environment


@pytest.mark.skipif(sys.platform != 'linux', reason='looks for open files in /proc')
def test_two_kills_leave_no_trace(tmp_path):
    script = ROOT / 'tools/misc/crash_battery.py'
    options = ['--kills', '2', '--epochs', '2', '--workers', '0']
    result = subprocess.run(
        [sys.executable, str(script), *options],
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    counts = json.loads(result.stdout[result.stdout.index('{') :])
    assert counts['final_weights_equal']
    assert sum(counts.get(name, 0) for name in ('iteration', 'checkpoint', 'evaluation')) == 2
