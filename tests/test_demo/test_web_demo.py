import csv
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / 'demo'), str(ROOT / 'tests' / 'test_apis')]
import tiny  # noqa: E402
import web_demo  # noqa: E402

IMAGE = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
WHOLE = 'the whole picture is one face'


@pytest.fixture
def model(tmp_path):
    tiny.model_file().save(tmp_path / 'm.pth')
    return str(tmp_path / 'm.pth')


@pytest.mark.parametrize(('strategy', 'count'), [('as trained', 6), ('grid 3 x 3', 10)])
def test_one(tmp_path, model, strategy, count):
    cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    picture, regions, values = web_demo.analyse_one(str(tmp_path / 'a.png'), model, strategy, WHOLE)
    assert picture.shape == (50, 50, 3)
    assert regions.shape[1:] == (960, 3)
    assert len(values['faces']) == 1
    assert len(values['faces'][0]['regions']) == count
    assert values['source'] == 'a.png'  # no path of the server


def test_many_answers_for_every_file(tmp_path, model):
    cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    (tmp_path / 'b.png').write_text('no image')
    paths = [str(tmp_path / name) for name in ('a.png', 'b.png')]
    rows, table = web_demo.analyse_many(paths, model, 'as trained', WHOLE)
    assert rows[0][:2] == ['a.png', 0]
    assert 'is no image' in rows[1][-1]
    assert str(tmp_path) not in rows[1][-1]
    with open(table, newline='') as file:
        assert next(csv.reader(file)) == web_demo.TABLE


def test_a_video_is_no_picture(tmp_path, model):
    (tmp_path / 'a.mp4').write_bytes(b'frames')
    path = str(tmp_path / 'a.mp4')
    with pytest.raises(ValueError, match='is a video, expected a picture'):
        web_demo.analyse_one(path, model, 'as trained', WHOLE)
    [row], _ = web_demo.analyse_many([path], model, 'as trained', WHOLE)
    assert row[-1].startswith('a.mp4 is a video')


def test_messages(model):
    with pytest.raises(ValueError, match='no picture yet'):
        web_demo.analyse_one(None, model, 'as trained', WHOLE)
    with pytest.raises(ValueError, match='at most 50'):
        web_demo.analyse_many(['a.png'] * 51, model, 'as trained', WHOLE)


def test_a_picture_without_a_face_says_so(tmp_path, model):
    said, page = [], SimpleNamespace(Warning=lambda text, **_: said.append(text))
    hinted = web_demo.hinted(page, web_demo.analyse_one)
    cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    hinted(str(tmp_path / 'a.png'), model, 'as trained', WHOLE)
    assert not said
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros_like(IMAGE))
    answer = hinted(str(tmp_path / 'a.png'), model, 'as trained', 'find faces')
    assert answer[1] is None and answer[2]['faces'] == []
    assert said == [f"No face was found; if the picture is one face, choose '{WHOLE}'."]


def test_time_limits(tmp_path, model):
    cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    path = str(tmp_path / 'a.png')
    rows, _ = web_demo.analyse_many([path] * 2, model, 'as trained', WHOLE, seconds=-1)
    assert [row[-1] for row in rows] == ['left out: the limit of -1 s was reached'] * 2
    release, pool = threading.Event(), ThreadPoolExecutor(1)
    slow = web_demo.limited(release.wait, 0.01, pool)
    with pytest.raises(ValueError, match=r'took more than 0.01 s and was given up'):
        slow(60)
    timer = threading.Timer(0.3, release.set)
    timer.start()  # the next one waits for it longer than its own limit, and that does not count
    assert web_demo.limited(sum, 0.2, pool)([1, 2]) == 3
    assert web_demo.limited(sum, None, pool)([1, 2]) == 3


@pytest.mark.parametrize('port', ['99999999', '0', '-1', '80a'])
def test_a_port_that_cannot_be_is_refused(capsys, monkeypatch, port):
    monkeypatch.setattr(sys, 'argv', ['web_demo.py', f'--port={port}'])
    with pytest.raises(SystemExit):
        web_demo.parse_args()
    assert f'--port: got {port!r}, expected a port from 1 to 65535' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('said', 'told'),
    [('Cannot find empty port in range: 7860', 'Port 7860 of .* by --port'), ('else', 'else')],
)
def test_a_port_that_is_taken_names_the_option(monkeypatch, said, told):
    class Taken:
        def launch(self, **_):
            raise OSError(said)

    monkeypatch.setattr(sys, 'argv', ['web_demo.py'])
    with pytest.raises(OSError, match=told):
        web_demo.serve(Taken(), web_demo.parse_args())


def test_examples_are_drawn(tmp_path):
    assert len(web_demo.draw_examples(tmp_path)) == 5
