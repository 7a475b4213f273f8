"""The commands of README, get-started and inference run, here or in the test that is named."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.utils import digit_version
from test_docs import DOCS, ROOT, commands

sys.path.insert(0, str(Path(__file__).parent / 'test_apis'))
import tiny

from ranfer import cli
from ranfer.apis import shipped_models
from ranfer.datasets.synthetic import draw

PAGES = (ROOT / 'README.md', DOCS / 'get_started.md', DOCS / 'inference.md')

HERE = (
    r'ranfer (predict (?!\d)|models|datasets|doctor)',
    r'python tools/(model_converters/publish_model|deployment/\w+)\.py ',
)
"""Commands that run here, as they are written, in a folder with small files of those names."""

ELSEWHERE = {
    r'make (quickstart|test)': 'Makefile',  # installs; what it calls has tests
    r'(git clone|cd ranfer|python3 -m venv|\. \.venv|pip install)': 'Makefile',  # its target venv
    r'python tools/(train|test)\.py .*_ferplus': 'tests/test_tools/test_data_sets_end_to_end.py',
    r'python tools/(train|test)\.py .*_synthfer': 'tests/test_tools/test_train_and_test.py',
    r'python tools/dataset_converters/extract_landmarks\.py': (
        'tests/test_datasets/test_converters/test_extract_landmarks.py'
    ),
    r'python tools/analysis_tools/face_frame\.py': 'tests/test_tools/test_face_frame.py',
    r'bash tools/dist_': 'tests/test_tools/test_distributed.py',  # several processes
    r'python tools/benchmarks/': 'tests/test_tools/test_benchmarks.py',  # measures for minutes
    r'python demo/web_demo\.py': 'tests/test_demo/test_browser.py',  # serves until it is ended
    r'(ranfer predict|python demo/webcam_demo\.py --camera) \d': (  # wants a camera
        'tests/test_apis/test_odd_inputs.py'
    ),
}
"""Commands that run in another file, or need what no test machine has, and the file."""


def runs_here(line: str) -> bool:
    return any(re.match(pattern, line) for pattern in HERE)


def lines(page: Path) -> list[str]:
    return [' '.join(words) for words in commands(page)]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_command_runs_somewhere(page):
    known = (*HERE, *ELSEWHERE)
    assert [x for x in lines(page) if not any(re.match(p, x) for p in known)] == []


@pytest.mark.parametrize('pattern', ELSEWHERE)
def test_the_other_place_exists(pattern):
    assert (ROOT / ELSEWHERE[pattern]).is_file()


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """What the commands name, but small: a photo, a film, a config with its checkpoint."""
    root = tmp_path_factory.mktemp('ranfer')
    face, _ = draw('happiness', seed=3, size=192, yaw=0)
    for name in ('photo.jpg', 'holiday/a.jpg', 'FACES/a.jpg', 'FACES/b.jpg'):
        (root / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(root / name), face)
    film = cv2.VideoWriter(str(root / 'film.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (192, 192))
    for _ in range(2):
        film.write(face)
    film.release()
    (root / 'tools').symlink_to(ROOT / 'tools')
    step = dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegions'), seed=0)
    data = dict(dataset=dict(type='ranfer.FERPlus', pipeline=[step]))
    config = root / 'configs/ran/ran_r18_ferplus.py'
    config.parent.mkdir(parents=True)
    config.write_text(f'model = {tiny.model_config()!r}\ntest_dataloader = {data!r}\n')
    work = root / 'work_dirs/ran_r18_ferplus'
    work.mkdir(parents=True)
    meta = dict(dataset_meta=dict(classes=tiny.CLASSES))
    torch.save(dict(state_dict=tiny.model_file().state_dict, meta=meta), work / 'epoch_60.pth')
    return root


def run(line: str) -> int:
    """Run a command in this process; importing everything anew would take seconds each time."""
    program, *words = line.split()
    if program == 'ranfer':
        return cli.main(words)
    argv, sys.argv = sys.argv, words
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = argv
    return 0


def test_commands_run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    if not shipped_models():
        tiny.model_file().save(folder / 'weights/tiny.pth')
        monkeypatch.setattr('ranfer.apis.model_file.WEIGHTS', folder / 'weights')
    onnx = all(cli.find_spec(name) for name in ('onnx', 'onnxruntime'))
    program = digit_version(torch.__version__) >= digit_version('2.6')  # as the page says
    for line in (x for page in PAGES for x in lines(page) if runs_here(x)):
        if (onnx or 'onnx' not in line) and (program or 'export_torch' not in line):
            assert run(line) == 0, line
    assert 'region weights, whole face first' in capsys.readouterr().out
    for name in ('pictures/photo.jpg', 'faces.jsonl', 'results/film.mp4', 'results/film.csv'):
        assert (folder / name).stat().st_size > 0, name
