"""Run the tools on a few drawn faces."""

from __future__ import annotations

import logging
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import Parameters

ROOT = Path(__file__).resolve().parents[2]
DEBUG = ROOT / 'configs/examples/debug.py'
GENERATE = dict(
    train=48, val=13, test=13, occlusion=6, pose30=6, pose45=6, size=48, seed=0, suffix='png'
)


@pytest.fixture(autouse=True)
def quiet_logging(monkeypatch):
    """MMEngine's loggers keep the output stream of an earlier test, which pytest has closed."""
    monkeypatch.setattr(logging, 'raiseExceptions', False)


@pytest.fixture(scope='session')
def faces(tmp_path_factory) -> Path:
    """A small SynthFER with 13 validation images: odd, so that two processes share unevenly."""
    root = tmp_path_factory.mktemp('faces')
    generate_synthfer(root, Parameters(**GENERATE), workers=1)
    return root


@pytest.fixture
def small(faces, tmp_path) -> Path:
    """A config file: the debug config on those faces."""
    loaders = '\n'.join(
        f'{split}_dataloader = dict(dataset=dict(data_root={str(faces)!r}, generate=None))'
        for split in ('train', 'val', 'test')
    )
    path = tmp_path / 'small.py'
    path.write_text(
        f'_base_ = [{str(DEBUG)!r}]\n{loaders}\n'
        "vis_backends = [dict(type='LocalVisBackend')]\n"
        "visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)\n"
    )
    return path


def run_script(script: Path, *options: object) -> None:
    """Run a script in this process, as its ``__main__``."""
    argv = sys.argv
    sys.argv = [str(script), *map(str, options)]
    try:
        runpy.run_path(str(script), run_name='__main__')
    finally:
        sys.argv = argv


def run_tool(name: str, *options: object) -> None:
    run_script(ROOT / 'tools' / name, *options)


def environment(**variables: str) -> dict[str, str]:
    """Variables of a process that finds this Python first, whether its venv is active or not."""
    env = {key: value for key, value in os.environ.items() if key != 'LOCAL_RANK'}
    path = f'{Path(sys.executable).parent}{os.pathsep}{env.get("PATH", "")}'
    return env | dict(PATH=path, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1') | variables


def start_tool(name: str, *options: object) -> subprocess.Popen:
    """Start a tool as a process of its own."""
    command = [sys.executable, str(ROOT / 'tools' / name), *map(str, options)]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
