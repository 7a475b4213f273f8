"""A whole video: annotated copy, table and figures."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis.annotate import annotate
from ranfer.apis.inferencer import FERInferencer
from ranfer.apis.outputs import Outputs
from ranfer.apis.results import Result
from ranfer.apis.sources import frame_rate

_CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'mp4v', '.mov': 'mp4v'}


@dataclass(frozen=True)
class VideoSummary:
    """Figures of an analysed video.

    Attributes:
        frames: Number of frames.
        faces: Number of faces over all frames.
        tracks: Number of persons.
        seconds: Time taken, reading and writing included.
    """

    frames: int
    faces: int
    tracks: int
    seconds: float

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

    Args:
        inferencer: Finds and classifies the faces.
        source: Video file or camera index.
        out: Annotated video to write, ``.mp4``, ``.avi``, ``.mkv`` or ``.mov``. Defaults to none.
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
        ValueError: If the video or camera cannot be opened, ``out`` cannot be written, or
            ``max_frames`` is below 1. Older files are kept if nothing could be read.
    """
    if max_frames is not None and max_frames < 1:
        raise ValueError(f'max_frames must be at least 1, got {max_frames}.')
    start = time.perf_counter()
    frames, faces, tracks = 0, 0, set()
    outputs = Outputs([source])
    for path in (out, table, jsonl):
        if path:
            outputs.target(path)
    with ExitStack() as stack:
        stream = inferencer.analyse(source, batch_size, smoothing, progress, window)
        stack.callback(stream.close)
        analysed_frames = islice(stream, max_frames)
        first = list(islice(analysed_frames, 1))
        # Only now is it sure that there is something to write.
        write_frame = stack.enter_context(_VideoFile(out, source)) if out else None
        write_row = stack.enter_context(_Table(table, inferencer.classes)) if table else None
        lines = stack.enter_context(_open(jsonl)) if jsonl else None
        for analysed in chain(first, analysed_frames):
            frames += 1
            faces += len(analysed.result.faces)
            tracks.update(face.track for face in analysed.result.faces)
            if write_frame is not None:
                write_frame(annotate(analysed.frame.image, analysed.result))
            if write_row is not None:
                write_row(analysed.result)
            if lines is not None:
                lines.write(f'{analysed.result.to_json()}\n')
    return VideoSummary(frames, faces, len(tracks), time.perf_counter() - start)


def _open(path: str | os.PathLike):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, 'w', encoding='utf-8', newline='')


class _VideoFile:
    """Writes frames of the size of the first one at the rate of the source."""

    def __init__(self, path: str | os.PathLike, source: str | os.PathLike | int) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in _CODECS:
            raise ValueError(
                f'Video {str(path)!r} cannot be written as {self.path.suffix!r}; use one of '
                f'{", ".join(_CODECS)}.'
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        capture = cv2.VideoCapture(source if isinstance(source, int) else os.fspath(source))
        self.rate = frame_rate(capture)
        capture.release()
        self.writer: cv2.VideoWriter | None = None

    def __enter__(self) -> _VideoFile:
        return self

    def __call__(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        if self.writer is None:
            codec = cv2.VideoWriter_fourcc(*_CODECS[self.path.suffix.lower()])
            self.writer = cv2.VideoWriter(str(self.path), codec, self.rate, (width, height))
            if not self.writer.isOpened():
                raise ValueError(
                    f'Video {str(self.path)!r} cannot be written; check the folder or use .avi.'
                )
        self.writer.write(image)

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.release()


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
        self.writer.writerows(self._rows(result))

    def _rows(self, result: Result) -> Iterator[list]:
        for face in result.to_dict()['faces']:
            yield [
                result.frame,
                round(result.time, 3),
                face['track'],
                *face['box'],
                face['score'],
                face['label'],
                face['probability'],
                *(face['probabilities'][name] for name in self.classes),
            ]

    def __exit__(self, *_: object) -> None:
        self.file.close()
