import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ranfer import cli
from ranfer.apis import frames
from ranfer.engine import precision

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


def test_a_warning_is_one_sentence(weights):
    Path('faces').mkdir()
    cv2.imwrite('faces/a.png', IMAGE)
    Path('faces/b.heic').touch()
    args = ['predict', 'faces', '--faces', 'whole', '--model', 'weights/tiny.pth']
    done = subprocess.run(
        [sys.executable, '-m', 'ranfer.cli', *args],
        env=os.environ | dict(PYTHONPATH=str(Path(__file__).parents[1])),
        capture_output=True,
        text=True,
    )
    assert done.stderr == (
        "Warning: Folder 'faces' has HEIC, HEIF or AVIF images (1), which cannot be read and are "
        'left out; convert them to JPEG.\n'
    )


def test_a_file_in_place_of_the_folder_is_named(weights, capsys):
    cv2.imwrite('a.png', IMAGE)
    args = ['predict', 'a.png', '--faces', 'whole', '--device', 'cpu', '--out']
    for out, advice in (('a.png', 'this is a file'), ('a.png/b', 'a part of this path is a file')):
        with pytest.raises(SystemExit):
            cli.main([*args, out])
        assert f'{out}; {advice}, choose another' in capsys.readouterr().err


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
    tiny.write_video('a.avi', 3)
    args = ['predict', 'a.avi', '--faces', 'whole', '--out', 'o', '--device', 'cpu']
    assert cli.main([*args, '--json', 'a.jsonl', '--no-progress']) == 0
    assert '3 frames, 3 faces, 1 tracks' in capsys.readouterr().out
    assert {path.name for path in Path('o').iterdir()} == {'a.mp4', 'a.csv'}
    assert len(Path('a.jsonl').read_text().splitlines()) == 3


def test_predict_goes_on_after_a_broken_video_and_numbers_names(weights, capsys):
    Path('sub').mkdir()
    Path('broken.mp4').write_text('no video')
    for name in ('a.avi', 'sub/a.avi'):
        tiny.write_video(name, 1)
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
        (['99999999999'], 'Camera index 99999999999 is out of range; give 0 for the first'),
        (['²'], "Image '²' does not exist"),
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


def interrupt(path):
    raise KeyboardInterrupt


def test_what_came_before_an_interrupt_stays(weights, capsys, monkeypatch):
    for name in 'abc':
        cv2.imwrite(f'{name}.png', IMAGE)
    read = frames.read_image
    monkeypatch.setattr(frames, 'read_image', lambda x: (interrupt if 'c' in x else read)(x))
    args = ['predict', 'a.png', 'b.png', 'c.png', '--faces', 'whole', '--device', 'cpu']
    with pytest.raises(SystemExit) as end:
        cli.main([*args, '--json', 'a.jsonl', '--batch-size', '1', '--no-progress'])
    assert end.value.code == 130
    captured = capsys.readouterr()
    assert captured.err == 'Interrupted; what has been written stays.\n'
    assert [line for line in captured.out.splitlines() if 'face 0' in line][1].startswith('b.png')
    assert len(Path('a.jsonl').read_text().splitlines()) == 2


def test_an_older_json_stays_until_there_is_a_result(weights):
    Path('a.jsonl').write_text('older')
    Path('a.png').write_text('no image')
    with pytest.raises(SystemExit):
        cli.main(['predict', 'a.png', '--json', 'a.jsonl', '--device', 'cpu'])
    assert Path('a.jsonl').read_text() == 'older'


class Camera:
    """Stands for ``cv2.VideoCapture``: Ctrl-C comes after three frames."""

    def __init__(self, source):
        self.count = 0

    def isOpened(self):
        return True

    def read(self):
        self.count += 1
        return (True, IMAGE[:48, :48]) if self.count < 4 else interrupt('camera')

    def get(self, key):
        return 3

    def release(self):
        pass


def test_an_interrupt_ends_a_camera_with_all_results(weights, capsys, monkeypatch):
    args = ['predict', '0', '--faces', 'whole', '--out', 'o', '--device', 'cpu', '--no-progress']
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', Camera)
        with pytest.raises(SystemExit) as end:
            cli.main([*args, '--json', 'a.jsonl'])
    assert end.value.code == 130
    captured = capsys.readouterr()
    assert captured.out.startswith('0: 3 frames, 3 faces, 1 tracks')
    assert captured.err == 'Interrupted; what has been written stays.\n'
    assert len(Path('o/camera0.csv').read_text().splitlines()) == 4
    assert len(Path('a.jsonl').read_text().splitlines()) == 3
    assert cv2.VideoCapture('o/camera0.mp4').read()[0]


def test_a_picture_whose_name_is_too_long_ends_no_folder(weights, capsys):
    long = 'b' * 250  # with _face0.png more than the 255 bytes of a name
    for name in ('a', long, 'c'):
        cv2.imwrite(f'{name}.png', IMAGE)
    args = ['predict', 'a.png', f'{long}.png', 'c.png', '--faces', 'whole', '--device', 'cpu']
    with pytest.warns(UserWarning, match='File name too long: .*_face0.png'):
        assert cli.main([*args, '--out', 'o']) == 0
    assert capsys.readouterr().out.count('face 0 at') == 3
    assert {'a_face0.png', 'c_face0.png'} < {path.name for path in Path('o').iterdir()}


def test_a_result_without_its_picture_is_printed_before_the_error(weights, capsys):
    cv2.imwrite('tall.png', np.zeros((66000, 20, 3), np.uint8))
    args = ['predict', 'tall.png', '--faces', 'whole', '--device', 'cpu', '--json', 'a.jsonl']
    with pytest.raises(SystemExit):
        cli.main([*args, '--out', 'o'])
    captured = capsys.readouterr()
    assert 'tall.png: face 0 at (0, 0, 20, 66000)' in captured.out
    assert 'more than .jpg can hold; shrink the image.' in captured.err
    assert len(Path('a.jsonl').read_text().splitlines()) == 1


@pytest.mark.parametrize('target', ['o', 'a.png/o'])
def test_a_full_disk_or_a_wrong_folder_ends_a_folder_of_images(
    weights, capsys, monkeypatch, target
):
    for name in 'ab':
        cv2.imwrite(f'{name}.png', IMAGE)

    def write_bytes(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # without a name, as the disk does

    monkeypatch.setattr(Path, 'write_bytes', write_bytes)
    args = ['predict', 'a.png', 'b.png', '--faces', 'whole', '--out', target, '--device', 'cpu']
    with pytest.raises(SystemExit):
        cli.main(args)
    message = 'No space left on device: o/a.jpg; free' if target == 'o' else 'Not a directory'
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='has no full disk')
def test_a_full_disk_names_the_json_lines(weights, capsys):
    cv2.imwrite('a.png', IMAGE)
    args = ['predict', 'a.png', '--faces', 'whole', '--device', 'cpu', '--json', '/dev/full']
    with pytest.raises(SystemExit):
        cli.main(args)
    assert 'No space left on device: /dev/full; free space there.' in capsys.readouterr().err


@pytest.mark.parametrize('number', [errno.EPIPE, errno.ENOSPC])
def test_a_reader_that_has_gone_and_a_full_disk_are_no_bad_video(weights, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cli, '_predict_video', fail)
    cv2.imwrite('b.png', IMAGE)
    args = ['predict', 'a.avi', 'b.png', '--faces', 'whole', '--device', 'cpu', '--traceback']
    with pytest.raises(OSError, match='Broken pipe|No space left'):
        cli.main(args)


@pytest.mark.parametrize(
    ('inputs', 'out'), [('2020/face.png', '2020'), ('2020', '.'), ('2020/*.png', 'link')]
)
def test_pictures_never_replace_a_file_beside_or_above_an_input(weights, capsys, inputs, out):
    Path('2020').mkdir()
    Path('link').symlink_to('2020')
    cv2.imwrite('2020/face.png', IMAGE)
    args = ['predict', inputs, '--faces', 'whole', '--device', 'cpu', '--out']
    unrelated = Path(out, 'face.jpg')
    unrelated.write_bytes(b'precious')
    sentence = "face.jpg' exists already, in a folder that holds inputs"
    if inputs == '2020/face.png':
        with pytest.raises(SystemExit):
            cli.main([*args, out])
        assert sentence in capsys.readouterr().err
    else:  # one picture of several is left out, and all else goes on
        cv2.imwrite('2020/face2.png', IMAGE)
        with pytest.warns(UserWarning, match=sentence):
            assert cli.main([*args, out, '--json', 'all.jsonl']) == 0
        assert len(Path('all.jsonl').read_text().splitlines()) == 2
        assert Path(out, 'face2.jpg').is_file()
        Path(out, 'face2.jpg').unlink()
    assert unrelated.read_bytes() == b'precious'
    unrelated.unlink()
    for _ in range(2):  # into a folder of its own, again and again
        assert cli.main([*args, 'own']) == 0


def test_a_file_beside_a_video_is_not_replaced_by_the_picture_of_an_image(weights):
    """Among images and videos, the folder of any of them is the user's."""
    Path('films').mkdir()
    tiny.write_video('films/b.avi', 3)
    cv2.imwrite('a.png', IMAGE)
    Path('films/a.jpg').write_bytes(b'precious')
    args = ['predict', 'a.png', 'films/b.avi', '--faces', 'whole', '--device', 'cpu']
    with pytest.warns(UserWarning, match=r"films/a\.jpg' exists already"):
        assert cli.main([*args, '--out', 'films']) == 0
    assert Path('films/a.jpg').read_bytes() == b'precious'
    assert Path('films/b.csv').is_file()


@pytest.mark.parametrize('options', [['--out', 'o'], ['--json', 'a.jsonl'], []])
def test_a_reader_that_goes_away_ends_no_writing(weights, options):
    """``ranfer predict ... | head -1`` writes all files; with none to write it ends."""
    for name in 'abcdef':
        cv2.imwrite(f'{name}.png', IMAGE)
    script = (
        'import ranfer.apis.model_file, sys; from pathlib import Path; from ranfer import cli\n'
        "ranfer.apis.model_file.WEIGHTS = Path('weights'); sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ['predict', *sorted(map(str, Path().glob('*.png'))), '--faces', 'whole']
    words += ['--device', 'cpu', '--batch-size', '1', *options]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with subprocess.Popen([sys.executable, '-c', script, *words], **pipes) as program:
        program.stdout.close()
        said = program.stderr.read().decode()
    assert program.returncode == (0 if options else 141) and 'Error' not in said
    if '--out' in options:
        assert len(list(Path('o').glob('*.jpg'))) == 6
    if '--json' in options:
        assert len(Path('a.jsonl').read_text().splitlines()) == 6


def test_without_an_output_nothing_is_printed(weights, monkeypatch):
    """A daemon may have closed it; Python's ``sys.stdout`` is None then."""
    cv2.imwrite('a.png', IMAGE)
    monkeypatch.setattr(sys, 'stdout', None)
    args = ['predict', 'a.png', '--faces', 'whole', '--device', 'cpu', '--json', 'a.jsonl']
    assert cli.main(args) == 0
    assert len(Path('a.jsonl').read_text().splitlines()) == 1


def test_without_a_place_for_errors_none_is_printed(weights, capsys, monkeypatch):
    for name in 'ab':
        cv2.imwrite(f'{name}.png', IMAGE)
    Path('c.png').write_text('no image')
    monkeypatch.setattr(sys, 'stderr', None)
    options = ['--faces', 'whole', '--device', 'cpu', '--out', 'o', '--json', '-']
    assert cli.main(['predict', '*.png', *options]) == 0
    assert [json.loads(line)['width'] for line in capsys.readouterr().out.splitlines()] == [
        50,
        50,
        0,
    ]
    with pytest.raises(SystemExit):
        cli.main(['predict', 'c.png', *options])
    assert capsys.readouterr().out == ''


def test_json_is_not_the_table_of_the_video(weights, capsys):
    args = ['predict', 'a.avi', '--out', 'o', '--json', 'o/../o/a.csv', '--device', 'cpu']
    with pytest.raises(SystemExit):
        cli.main(args)
    assert "'o/a.csv' is to hold two results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (['--smoothing', '7'], 'got smoothing 7'),
        (['--window', '-3'], 'window must be at least 1 frame, got -3'),
        (['--max-frames', '-1'], 'max_frames must be at least 1, got -1'),
    ],
)
def test_options_of_videos_are_checked_for_images_too(weights, capsys, option, message):
    cv2.imwrite('a.png', IMAGE)
    with pytest.raises(SystemExit):
        cli.main(['predict', 'a.png', '--faces', 'whole', '--device', 'cpu', *option])
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out


def test_options_of_videos_that_change_nothing_are_named(weights, capsys):
    cv2.imwrite('a.png', IMAGE)
    args = ['predict', 'a.png', '--faces', 'whole', '--device', 'cpu']
    assert cli.main([*args, '--window', '5', '--max-frames', '3']) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(' is for videos')[0] for line in said] == ['--window 5', '--max-frames 3']
    assert cli.main(args) == 0
    assert not capsys.readouterr().err


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
    missing = ('dlib', 'lmdb')
    monkeypatch.setattr(cli, 'find_spec', lambda name: None if name in missing else object())
    assert cli.main(['doctor']) == 0
    text = capsys.readouterr().out
    assert 'landmarks by dlib: pip install dlib' in text
    assert 'images in a database: pip install lmdb' in text
    assert 'torch ' in text


@pytest.mark.parametrize(('bf16', 'word'), [(True, 'with'), (False, 'without')])
def test_doctor_says_whether_the_cpu_has_bf16(capsys, monkeypatch, bf16, word):
    monkeypatch.setattr(precision, 'cpu_has_bf16', lambda: bf16)
    cli.main(['doctor'])
    assert f'CPU threads {word} bf16\n' in capsys.readouterr().out
