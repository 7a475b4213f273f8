"""Films last as long as what they show."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny

from ranfer.apis import analyse_video

RNG = np.random.default_rng(0)


class Camera:
    """Stands for ``cv2.VideoCapture``: frames at ``times``, of which a camera says nothing."""

    opened = 0

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self.index = -1

    def __call__(self, source: str | int) -> 'Camera':
        Camera.opened += isinstance(source, int)
        return self

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        self.index += 1
        return self.index < len(self.times), np.full((96, 96, 3), 40 * self.index, np.uint8)

    def get(self, key: int) -> float:
        known = {cv2.CAP_PROP_FPS: 10, cv2.CAP_PROP_FRAME_COUNT: len(self.times)}
        return known[key] if key in known else 1000 * self.times[self.index]

    def monotonic(self) -> float:
        return 7 + self.times[self.index]

    def release(self) -> None:
        pass


def read_levels(path: Path) -> tuple[float, list[int]]:
    """Rate of a film and the number of the frame that each of its frames shows."""
    capture = cv2.VideoCapture(str(path))
    levels = []
    while (answer := capture.read())[0]:
        levels.append(round(float(answer[1][:5].mean()) / 40))  # above the box
    return capture.get(cv2.CAP_PROP_FPS), levels


def test_the_film_of_a_camera_lasts_as_long_as_it_took(tmp_path, monkeypatch):
    camera = Camera([0, 0.12, 0.13, 0.4])
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', camera)
        patch.setattr('ranfer.apis.frames.time', camera)
        outputs = dict(out=tmp_path / 'a.avi', table=tmp_path / 'a.csv')
        summary = analyse_video(tiny.inferencer(), 0, **outputs, batch_size=1, progress=False)
    assert (summary.frames, Camera.opened) == (4, 1)
    rows = outputs['table'].read_text().splitlines()[1:]
    assert [float(row.split(',')[1]) for row in rows] == camera.times
    # 25 a second; the frame of 0.13 s has the place of that of 0.12 s, and is shown after it.
    assert read_levels(outputs['out']) == (25, [0, 0, 0, 1, *[2] * 6, 3])


@pytest.mark.parametrize(
    ('said', 'times', 'shown'),
    [
        ([0, 0.1, 0.4, 0.5], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([1.4, 1.5, 1.8, 1.9], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([0, 0.3, 0.2, 0.5], [0, 0.3, 0.4, 0.5], [0, 0, 0, 1, 2, 3]),
        ([0, np.nan, np.inf, -1], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([0, 1e6, 1e6 + 0.3, 1e6 + 0.4], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([99, 99.1, 0, 0.1], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
    ],
)
def test_frames_of_a_file_have_the_times_it_gives_them(said, times, shown, tmp_path, monkeypatch):
    source = tmp_path / 'a.avi'
    source.touch()
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', Camera(said))
        results = list(tiny.inferencer().stream(str(source)))
        assert [result.time for result in results] == pytest.approx(times)
        patch.setattr(cv2, 'VideoCapture', Camera(said))
        analyse_video(tiny.inferencer(), str(source), tmp_path / 'b.avi', progress=False)
    assert read_levels(tmp_path / 'b.avi') == (10, shown)


@pytest.mark.parametrize('rate', [0.2, 23.976, 66.667, 90.013, 720.123])
def test_a_film_of_any_rate_can_be_written(rate, tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 3, rate=rate)
    analyse_video(tiny.inferencer(), source, tmp_path / 'b.mp4', progress=False)
    shown, levels = read_levels(tmp_path / 'b.mp4')
    assert shown == pytest.approx(max(rate, 1), rel=1e-4)
    assert len(levels) == (3 if rate > 1 else 11)


@pytest.mark.skipif(sys.platform == 'win32', reason='has no limit for the size of a file')
@pytest.mark.parametrize('suffix', ['.mp4', '.avi', '.mkv', '.mov'])
def test_a_film_that_finds_no_room_is_no_success(suffix, tmp_path):
    import resource

    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(tmp_path / 'a.avi'), codec, 10, (320, 240))
    for _ in range(20):
        writer.write(RNG.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    writer.release()
    infer, film = tiny.inferencer(), tmp_path / f'b{suffix}'
    assert analyse_video(infer, str(tmp_path / 'a.avi'), film, progress=False).frames == 20
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (film.stat().st_size // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=rf"b\{suffix}' could not be written in full; free"):
            analyse_video(infer, str(tmp_path / 'a.avi'), film, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
