"""Films, tables and figures of whole videos."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny

from ranfer.apis import analyse_video
from ranfer.landmarks import Faces

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def test_video(tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 5)
    infer = tiny.inferencer()
    outputs = dict(
        out=tmp_path / 'o' / 'b.mp4', table=tmp_path / 'b.csv', jsonl=tmp_path / 'b.jsonl'
    )
    summary = analyse_video(infer, source, batch_size=2, progress=False, **outputs)
    assert (summary.frames, summary.faces, summary.tracks) == (5, 5, 1)
    assert 'faces/s' in str(summary)
    capture = cv2.VideoCapture(str(outputs['out']))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 5
    assert capture.get(cv2.CAP_PROP_FPS) == 10
    with outputs['table'].open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['frame'] for row in rows] == list('01234')
    assert {row['track'] for row in rows} == {'0'}
    assert [row['time'] for row in rows] == ['0.0', '0.1', '0.2', '0.3', '0.4']
    lines = [json.loads(line) for line in outputs['jsonl'].read_text().splitlines()]
    assert [line['frame'] for line in lines] == list(range(5))
    assert analyse_video(infer, source, progress=False, max_frames=2).frames == 2
    with pytest.raises(ValueError, match='cannot be written as'):
        analyse_video(infer, source, out=tmp_path / 'b.xyz', progress=False)


def test_a_film_that_is_cut_off_is_warned_about(tmp_path, recwarn):
    source = tmp_path / 'a.avi'
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 96))
    for _ in range(12):
        writer.write(np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8))
    writer.release()
    infer = tiny.inferencer()
    analyse_video(infer, source, progress=False)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    analyse_video(infer, source, progress=False, max_frames=2)
    assert not [warning for warning in recwarn if 'announces' in str(warning.message)]
    with pytest.warns(UserWarning, match=r"a\.avi' announces 12 frames, of which \d could be read"):
        analyse_video(infer, source, progress=False)


def test_a_film_that_cannot_be_written_leaves_older_tables(tmp_path, monkeypatch):
    source, table = tiny.write_video(tmp_path / 'a.avi', 2), tmp_path / 'a.csv'
    table.write_text('older')
    monkeypatch.setattr(cv2.VideoWriter, 'isOpened', lambda _: False, raising=False)
    with pytest.raises(ValueError, match=r"b\.mp4' cannot be written; check the folder"):
        analyse_video(tiny.inferencer(), source, tmp_path / 'b.mp4', table)
    assert table.read_text() == 'older'


@pytest.mark.parametrize(
    ('source', 'named'),
    [
        (IMAGE, 'array of shape'),
        ('a.png', "'a.png'"),
        ('folder', "'folder'"),
        ('folder.mp4', "'folder.mp4'"),
        (['b.mp4'], r"\['b.mp4'\]"),
        (None, 'None'),
    ],
)
def test_what_is_no_video_replaces_no_older_film(source, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('a.png', 'folder/a.png', 'folder.mp4/a.png'):
        Path(name).parent.mkdir(exist_ok=True)
        cv2.imwrite(name, IMAGE)
    outputs = dict(out='o.mp4', table='o.csv', jsonl='o.jsonl')
    for path in outputs.values():
        Path(path).write_text('older')
    with pytest.raises(ValueError, match=f'Source {named}.* is no video, expected a camera index'):
        analyse_video(tiny.inferencer(), source, **outputs, progress=False)
    assert all(Path(path).read_text() == 'older' for path in outputs.values())


class Blinking(tiny.FixedDetector):
    """Finds no face in frame 1 of :func:`tiny.write_video`."""

    def _faces(self, image: np.ndarray) -> Faces:
        if 10 < image.mean() < 30:
            return Faces.sorted(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
        return super()._faces(image)


@pytest.mark.parametrize('window', [None, 2])
def test_frames_without_a_face_pass(window, tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 3)
    infer = tiny.inferencer(detector=Blinking())
    counts = [len(result.faces) for result in infer.stream(source, window=window)]
    assert counts == [1, 0, 1]
    summary = analyse_video(infer, source, out=tmp_path / 'b.avi', table=tmp_path / 'b.csv')
    assert (summary.frames, summary.faces, summary.tracks) == (3, 2, 1)
    assert len((tmp_path / 'b.csv').read_text().splitlines()) == 3


@pytest.mark.parametrize('frames', [0, -1])
def test_a_video_needs_a_frame(frames, tmp_path):
    with pytest.raises(ValueError, match=f'max_frames must be at least 1, got {frames}'):
        analyse_video(tiny.inferencer(), tiny.write_video(tmp_path / 'a.avi', 2), max_frames=frames)


@pytest.mark.parametrize('options', [dict(window=0), dict(smoothing=1), dict(max_frames=-1)])
def test_older_results_are_kept_until_there_are_new_ones(options, tmp_path):
    source, table = tiny.write_video(tmp_path / 'a.avi', 2), tmp_path / 'a.csv'
    table.write_text('older')
    with pytest.raises(ValueError):
        analyse_video(tiny.inferencer(), source, table=table, **options)
    with pytest.raises(ValueError, match=r"a\.csv' is to hold two results, of which one"):
        analyse_video(tiny.inferencer(), source, table=table, jsonl=table)
    with pytest.raises(FileNotFoundError):
        analyse_video(tiny.inferencer(), str(tmp_path / 'moved.avi'), table=table)
    with pytest.raises(ValueError, match='is an input itself'):
        analyse_video(tiny.inferencer(), source, table=table, jsonl=source)
    assert table.read_text() == 'older'
    assert analyse_video(tiny.inferencer(), source, max_frames=1, table=table).frames == 1
    assert len(table.read_text().splitlines()) == 2


def test_a_video_never_replaces_itself(tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 3)
    before = Path(source).read_bytes()
    with pytest.raises(ValueError, match='is an input itself'):
        analyse_video(tiny.inferencer(), source, out=source)
    assert Path(source).read_bytes() == before
