"""A whole video: annotated copy, table and figures."""

from __future__ import annotations

import csv
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis.annotate import annotate
from ranfer.apis.frames import count_frames, frame_rate
from ranfer.apis.inferencer import FERInferencer
from ranfer.apis.outputs import Outputs
from ranfer.apis.results import Result
from ranfer.apis.sources import VIDEO_SUFFIXES, is_folder, is_stream

_CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'mp4v', '.mov': 'mp4v'}

_CAMERA_RATE = 25.0
"""Frames a second in the film of a camera, whose own depend on how fast they are analysed."""

_COUNTED, _MISCOUNTED = ('.mp4', '.m4v', '.mov', '.avi'), 2
"""Files that hold the number of their frames, and by how many it may be wrong in a whole one."""


@dataclass(frozen=True)
class VideoSummary:
    """Figures of an analysed video.

    Attributes:
        frames: Number of frames.
        faces: Number of faces over all frames.
        tracks: Number of persons.
        seconds: Time taken, reading and writing included.
        interrupted: Whether Ctrl-C ended it, as is usual for a camera. Defaults to False.
    """

    frames: int
    faces: int
    tracks: int
    seconds: float
    interrupted: bool = False

    def __str__(self) -> str:
        rate, speed = self.faces / self.seconds, self.frames / self.seconds
        return (
            f'{self.frames} frames, {self.faces} faces, {self.tracks} tracks in '
            f'{self.seconds:.1f} s: {rate:.1f} faces/s, {speed:.1f} frames/s'
        )


def analyse_video(
    inferencer: FERInferencer,
    source: str | os.PathLike | int,
    out: str | os.PathLike | None = None,
    table: str | os.PathLike | None = None,
    jsonl: str | os.PathLike | None = None,
    batch_size: int = 8,
    smoothing: float = 0.6,
    max_frames: int | None = None,
    progress: bool = True,
    window: int | None = None,
) -> VideoSummary:
    """Track and classify the faces of a video or camera.

    An MP4, MOV or AVI file that ends before the number of frames that it announces is warned about.

    Args:
        inferencer: Finds and classifies the faces.
        source: Video file or camera index; Ctrl-C ends a camera.
        out: Annotated video to write, ``.mp4``, ``.avi``, ``.mkv`` or ``.mov``, at the rate of the
            source, or 25 frames a second of a camera. It lasts as long as the times in ``table``
            say: a frame is repeated until the next, or left out. Defaults to none.
        table: CSV to write: one line a face and frame with track, box and probabilities. Defaults
            to none.
        jsonl: JSON Lines to write, one line a frame. Defaults to none.
        batch_size: Frames that go through together. Defaults to 8.
        smoothing: Share of earlier frames in the probabilities of a track. Defaults to 0.6.
        max_frames: Stop after so many frames. Defaults to None, the end of the video.
        progress: Whether a progress bar is shown. Defaults to True.
        window: Number of frames of a track whose regions are weighed and classified as one set, in
            place of ``smoothing``. Defaults to None.

    Returns:
        VideoSummary: Numbers and time.

    Raises:
        FileNotFoundError: If the video does not exist.
        OSError: If ``out`` could not be written in full, as on a full disk.
        ValueError: If ``source`` is something else or cannot be opened, ``out`` cannot be written,
            or ``max_frames`` is below 1. Older files are kept if nothing could be read.
    """
    check_max_frames(max_frames)
    if not is_stream(source) or is_folder(source):
        name = f'array of shape {source.shape}' if isinstance(source, np.ndarray) else repr(source)
        raise ValueError(
            f'Source {name} is no video, expected a camera index or a file that ends in one of '
            f'{", ".join(VIDEO_SUFFIXES)}; call the inferencer for images.'
        )
    start = time.perf_counter()
    frames, faces, interrupted = 0, 0, False
    tracks: set[int | None] = set()
    outputs = Outputs([source])
    for path in (out, table, jsonl):
        if path:
            outputs.target(path)
    with ExitStack() as stack:
        stream = inferencer.analyse(source, batch_size, smoothing, progress, window)
        stack.callback(stream.close)
        analysed_frames = islice(stream, max_frames)
        first = next(analysed_frames)
        # Only now is it sure that there is something to write.
        write_frame = None
        if out:
            size = first.result.width, first.result.height
            write_frame = stack.enter_context(_VideoFile(out, source, size))
        write_row = stack.enter_context(_Table(table, inferencer.classes)) if table else None
        lines = stack.enter_context(_open(jsonl)) if jsonl else None
        try:
            for analysed in chain([first], analysed_frames):
                if write_frame is not None:
                    image = annotate(analysed.frame.image, analysed.result)  # type: ignore[arg-type]
                    write_frame(image, analysed.frame.time)  # type: ignore[arg-type]
                if write_row is not None:
                    write_row(analysed.result)
                if lines is not None:
                    lines.write(f'{analysed.result.to_json()}\n')
                frames += 1
                faces += len(analysed.result.faces)
                tracks.update(face.track for face in analysed.result.faces)
        except KeyboardInterrupt:
            if not isinstance(source, int):
                raise
            interrupted = True
    if not isinstance(source, int) and frames != max_frames:
        _warn_if_cut_off(source, frames)
    return VideoSummary(frames, faces, len(tracks), time.perf_counter() - start, interrupted)


def check_max_frames(max_frames: int | None) -> None:
    """Refuse to stop before the first frame.

    Args:
        max_frames: See :func:`analyse_video`.

    Raises:
        ValueError: If it is below 1.
    """
    if max_frames is not None and max_frames < 1:
        raise ValueError(f'max_frames must be at least 1, got {max_frames}.')


def _warn_if_cut_off(source: str | os.PathLike, frames: int) -> None:
    if Path(source).suffix.lower() not in _COUNTED:
        return
    announced = count_frames([source])
    if announced > frames + _MISCOUNTED:
        warnings.warn(
            f'Video {os.fspath(source)!r} announces {announced} frames, of which {frames} could be '
            f'read; it may be cut off, so copy or download it again.',
            stacklevel=3,
        )


def _open(path: str | os.PathLike):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, 'w', encoding='utf-8', newline='')


class _VideoFile:
    """Writes frames at their times, each again and again until the next."""

    def __init__(
        self, path: str | os.PathLike, source: str | os.PathLike | int, size: tuple[int, int]
    ) -> None:
        path = Path(path)
        if path.suffix.lower() not in _CODECS:
            raise ValueError(
                f'Video {str(path)!r} cannot be written as {path.suffix!r}; use one of '
                f'{", ".join(_CODECS)}.'
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = str(path)
        codec = cv2.VideoWriter_fourcc(*_CODECS[path.suffix.lower()])
        self.rate = _film_rate(source)
        self.writer = cv2.VideoWriter(self.path, codec, self.rate, size)
        if not self.writer.isOpened():
            raise ValueError(
                f'Video {self.path!r} cannot be written; check the folder or use .avi.'
            )
        self.written = 0
        self.last: np.ndarray | None = None

    def __enter__(self) -> _VideoFile:
        return self

    def __call__(self, image: np.ndarray, seconds: float) -> None:
        place = round(seconds * self.rate)
        for _ in range(self.written, place):
            self.writer.write(image if self.last is None else self.last)
        if self.written <= place:
            self.writer.write(image)
            self.written = place + 1
        self.last = image

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.writer.release()
        if kind is not None:
            return
        film = cv2.VideoCapture(self.path)  # the writer keeps silent about errors
        whole = film.isOpened() and film.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        film.release()
        if not whole:
            raise OSError(
                f'Video {self.path!r} could not be written in full; free space there, or choose '
                f'another folder.'
            )


def _film_rate(source: str | os.PathLike | int) -> float:
    """Rate of a file as MPEG-4 can hold it, with 16 bits for its digits; a camera has none."""
    if isinstance(source, int):
        return _CAMERA_RATE
    capture = cv2.VideoCapture(os.fspath(source))
    rate = max(frame_rate(capture), 1.0)
    capture.release()
    return round(rate, 3 if rate < 65 else 2 if rate < 650 else 1)


class _Table:
    """Writes one CSV line a face and frame."""

    def __init__(self, path: str | os.PathLike, classes: Sequence[str]) -> None:
        self.classes = classes
        self.file = _open(path)
        self.writer = csv.writer(self.file)
        box = ['x1', 'y1', 'x2', 'y2']
        head = ['frame', 'time', 'track', *box, 'score', 'label', 'probability', *classes]
        self.writer.writerow(head)

    def __enter__(self) -> _Table:
        return self

    def __call__(self, result: Result) -> None:
        self.writer.writerows(list(self._rows(result)))  # all or, by Ctrl-C, none

    def _rows(self, result: Result) -> Iterator[list]:
        for face in result.to_dict()['faces']:
            yield [
                result.frame,
                round(result.time, 3),  # type: ignore[arg-type]
                face['track'],
                *face['box'],
                face['score'],
                face['label'],
                face['probability'],
                *(face['probabilities'][name] for name in self.classes),
            ]

    def __exit__(self, *_: object) -> None:
        self.file.close()
