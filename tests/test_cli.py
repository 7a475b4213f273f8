import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ranfer import cli

sys.path.insert(0, str(Path(__file__).parent / 'test_apis'))
import tiny

IMAGE = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    folder = tmp_path / 'weights'
    tiny.model_file().save(folder / 'tiny.pth')
    monkeypatch.setattr('ranfer.apis.model_file.WEIGHTS', folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_predict_prints_faces_and_writes_pictures(weights, capsys):
    cv2.imwrite('a.png', IMAGE)
    assert cli.main(['predict', 'a.png', '--faces', 'whole', '--out', 'o', '--device', 'cpu']) == 0
    text = capsys.readouterr().out
    assert 'a.png: face 0 at (0, 0, 50, 50)' in text
    assert 'region weights' in text
    assert {path.name for path in Path('o').iterdir()} == {'a.jpg', 'a_face0.png'}


def test_predict_prints_json_alone(weights, capsys):
    cv2.imwrite('a.png', IMAGE)
    Path('b.png').write_text('no image')
    args = ['predict', 'a.png', 'b.png', '--faces', 'whole', '--json', '-', '--device', 'cpu']
    assert cli.main(args) == 0
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert [len(row['faces']) for row in rows] == [1, 0]
    assert 'is no image' in captured.err


@pytest.mark.skipif(sys.platform == 'darwin', reason='its file names are UTF-8')
def test_predict_takes_names_that_are_no_utf8(weights, capfd):
    image = os.fsdecode(b'caf\xe9.png')
    Path(image).write_bytes(cv2.imencode('.png', IMAGE)[1].tobytes())
    Path(os.fsdecode(b'caf\xe9.avi')).write_bytes(b'OpenCV must not see the name')
    args = ['predict', image, os.fsdecode(b'caf\xe9.avi'), '--faces', 'whole', '--device', 'cpu']
    assert cli.main([*args, '--out', 'o']) == 0
    captured = capfd.readouterr()
    assert r'caf\udce9.png: face 0 at' in captured.out
    assert r"'caf\udce9.avi' has a name that is not UTF-8; rename the file" in captured.err
    assert len(list(Path('o').iterdir())) == 2
    for target in ('-', 'a.jsonl'):
        assert cli.main(['predict', image, *args[3:], '--json', target]) == 0
    for text in (capfd.readouterr().out.splitlines()[0], Path('a.jsonl').read_text()):
        assert json.loads(text)['source'] == r'caf\udce9.png'


def test_predict_video(weights, capsys):
    writer = cv2.VideoWriter('a.avi', cv2.VideoWriter_fourcc(*'MJPG'), 10, (48, 48))
    for _ in range(3):
        writer.write(IMAGE[:48, :48])
    writer.release()
    args = ['predict', 'a.avi', '--faces', 'whole', '--out', 'o', '--device', 'cpu']
    assert cli.main([*args, '--json', 'a.jsonl', '--no-progress']) == 0
    assert '3 frames, 3 faces, 1 tracks' in capsys.readouterr().out
    assert {path.name for path in Path('o').iterdir()} == {'a.mp4', 'a.csv'}
    assert len(Path('a.jsonl').read_text().splitlines()) == 3


def test_predict_goes_on_after_a_broken_video_and_numbers_names(weights, capsys):
    Path('sub').mkdir()
    Path('broken.mp4').write_text('no video')
    for name in ('a.avi', 'sub/a.avi'):
        writer = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*'MJPG'), 10, (48, 48))
        writer.write(IMAGE[:48, :48])
        writer.release()
    args = ['predict', 'a.avi', 'broken.mp4', 'sub/a.avi', '--faces', 'whole', '--no-progress']
    assert cli.main([*args, '--out', 'o', '--device', 'cpu']) == 0
    assert "Error: Video 'broken.mp4' cannot be opened" in capsys.readouterr().err
    assert {path.name for path in Path('o').iterdir()} == {'a.mp4', 'a.csv', 'a_2.mp4', 'a_2.csv'}


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['none.jpg'], "Image 'none.jpg' does not exist"),
        (['.'], 'holds no image'),
        (['none.jpg', '--model', 'unknown'], "Model 'unknown' is neither a file nor shipped"),
        (['none.jpg', '--backend', 'magic'], 'backend must be'),
        (['a.mp4', '--json', '-'], '--json takes images, or one video'),
        (['98'], 'Camera 98 cannot be opened'),
    ],
)
def test_errors_are_one_sentence(weights, capsys, args, message):
    with pytest.raises(SystemExit) as caught:
        cli.main(['predict', '--device', 'cpu', *args])
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert message in error
    assert 'Traceback' not in error


@pytest.mark.parametrize(
    ('inputs', 'target', 'message'),
    [
        (['b.jpg'], 'a.jpg', "--json 'a.jpg' has the suffix '.jpg' of an image or video"),
        (['film.mp4'], 'a.jpg', "--json 'a.jpg' has the suffix '.jpg' of an image or video"),
        (['b.jpg'], 'new.MP4', "--json 'new.MP4' has the suffix '.MP4' of an image or video"),
        (['photo'], 'photo', "'photo' is an input itself"),
    ],
)
def test_json_never_replaces_a_photo(weights, capsys, monkeypatch, inputs, target, message):
    files = [Path(name) for name in ('a.jpg', 'b.jpg', 'film.mp4', 'photo')]
    for path in files:
        path.write_bytes(b'precious')
    monkeypatch.setattr('ranfer.apis.FERInferencer', lambda *_, **__: pytest.fail('work began'))
    with pytest.raises(SystemExit):
        cli.main(['predict', *inputs, '--json', target])
    assert message in capsys.readouterr().err
    assert all(path.read_bytes() == b'precious' for path in files)
    assert not Path('new.MP4').exists()


def test_models(weights, capsys):
    assert cli.main(['models']) == 0
    text = capsys.readouterr().out
    assert 'tiny  (default)' in text
    assert ', '.join(tiny.CLASSES) in text


def test_datasets(weights, capsys):
    Path('data/ferplus').mkdir(parents=True)
    assert cli.main(['datasets']) == 0
    text = capsys.readouterr().out
    assert 'FERPlus (here, in data' in text
    assert 'AffectNet (not in data' in text


def test_doctor_names_the_command_for_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(cli, 'find_spec', lambda name: None if name == 'dlib' else object())
    assert cli.main(['doctor']) == 0
    text = capsys.readouterr().out
    assert 'landmarks by dlib: pip install dlib' in text
    assert 'torch ' in text
