"""A whole video: annotated copy, table and figures."""

from __future__ import annotations

import csv
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from ranfer.apis.annotate import annotate
from ranfer.apis.film import Film, film_rate
from ranfer.apis.frames import count_frames
from ranfer.apis.inferencer import Analysed, FERInferencer
from ranfer.apis.outputs import Outputs
from ranfer.apis.results import Result
from ranfer.apis.sources import VIDEO_SUFFIXES, Stream, is_folder, is_stream

_COUNTED, _MISCOUNTED = ('.mp4', '.m4v', '.mov', '.avi'), 2
"""Files that hold the number of their frames, and by how many it may be wrong in a whole one."""


_COLUMNS = ('frame', 'time', 'track', 'x1', 'y1', 'x2', 'y2', 'score', 'label', 'probability')
"""Columns of the table before those of the classes."""


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
    source: Stream,
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
    _check_stream(source)
    outputs = Outputs([source])
    for path in (out, table, jsonl):
        if path:
            outputs.target(path)
    start = time.perf_counter()
    frames, faces, interrupted = 0, 0, False
    tracks: set[int | None] = set()
    with ExitStack() as stack:
        stream = inferencer.analyse(source, batch_size, smoothing, progress, window)
        rest = islice(stack.enter_context(closing(stream)), max_frames)
        first = next(rest)  # raises an error before an older file is touched
        writers = _open_writers(stack, source, first, inferencer.classes, out, table, jsonl)
        try:
            for analysed in chain([first], rest):
                for write in writers:
                    write(analysed)
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


def _check_stream(source: object) -> None:
    if not is_stream(source) or is_folder(source):
        name = f'array of shape {source.shape}' if isinstance(source, np.ndarray) else repr(source)
        raise ValueError(
            f'Source {name} is no video, expected a camera index or a file that ends in one of '
            f'{", ".join(VIDEO_SUFFIXES)}; call the inferencer for images.'
        )


def _open_writers(
    stack: ExitStack,
    source: Stream,
    first: Analysed,
    classes: Sequence[str],
    out: str | os.PathLike | None,
    table: str | os.PathLike | None,
    jsonl: str | os.PathLike | None,
) -> list[Callable[[Analysed], object]]:
    """Open the files to write, and return what adds a frame to each."""
    writers: list[Callable[[Analysed], object]] = []
    if out:
        size = first.result.width, first.result.height
        film = stack.enter_context(Film(out, film_rate(source), size))

        def write_frame(analysed: Analysed) -> None:
            image = annotate(analysed.frame.image, analysed.result)  # type: ignore[arg-type]
            film.write(image, analysed.frame.time)  # type: ignore[arg-type]

        writers.append(write_frame)
    if table:
        rows = csv.writer(stack.enter_context(_open(table)))
        rows.writerow([*_COLUMNS, *classes])
        writers.append(lambda x: rows.writerows(_rows(x.result)))  # all or, by Ctrl-C, none
    if jsonl:
        lines = stack.enter_context(_open(jsonl))
        writers.append(lambda x: lines.write(f'{x.result.to_json()}\n'))
    return writers


def _open(path: str | os.PathLike) -> TextIO:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, 'w', encoding='utf-8', newline='')


def _rows(result: Result) -> list[list]:
    """One row a face, in the order of the columns."""
    values = result.to_dict()
    return [
        [
            values['frame'],
            round(values['time'], 3),
            face['track'],
            *face['box'],
            face['score'],
            face['label'],
            face['probability'],
            *face['probabilities'].values(),
        ]
        for face in values['faces']
    ]
