"""Images and the frames of videos and cameras, with their times."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis.images import as_image, read_image
from ranfer.apis.results import printable
from ranfer.apis.sources import Input, Stream, is_stream

_LONGEST_STEP = 10.0
"""Seconds between two frames beyond which the file is not believed: streams that were cut together
leap by hours."""


@dataclass(frozen=True)
class Frame:
    """One image on its way through the inferencer.

    Attributes:
        source: Where it is from.
        image: BGR, uint8, ``(H, W, 3)``, or None if it could not be read.
        index: Number in the video, None for an image.
        time: Seconds from the start of the video or camera, None for an image.
        error: Why it could not be read.
    """

    source: str
    image: np.ndarray | None
    index: int | None = None
    time: float | None = None
    error: str | None = None


def read_frames(item: Input, keep_errors: bool = False) -> Iterator[Frame]:
    """Yield the image of an input, or the frames of a video or camera.

    Args:
        item: One entry of :func:`ranfer.apis.sources.expand`.
        keep_errors: Whether an unreadable image is yielded with its error instead of raised.
            Defaults to False.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file or camera cannot be read.
        TypeError: If an array has an unsuitable type.
    """
    try:
        if isinstance(item, np.ndarray):
            yield Frame(_name(item), as_image(item))
        elif isinstance(item, int) or is_stream(item):
            yield from _read_video(item)
        else:
            yield Frame(_name(item), read_image(item))
    except (OSError, ValueError, TypeError) as error:
        if not keep_errors:
            raise
        yield Frame(_name(item), None, error=str(error))


def _name(item: Input) -> str:
    if isinstance(item, np.ndarray):
        return 'array'
    return f'camera {item}' if isinstance(item, int) else os.fspath(item)


def _read_video(item: Stream) -> Iterator[Frame]:
    camera, source = isinstance(item, int), _name(item)
    if not camera and not Path(source).is_file():
        raise FileNotFoundError(f'Video {source!r} does not exist; check the path.')
    if printable(source) != source:  # OpenCV crashes
        raise ValueError(f'Video {source!r} has a name that is not UTF-8; rename the file.')
    title, remedy = f'Video {source!r}', 'give a file that OpenCV can decode'
    if camera:
        title, remedy = f'Camera {item}', 'check that it is connected and not in use'
    capture = cv2.VideoCapture(item if camera else source)
    try:
        if not capture.isOpened():
            raise ValueError(f'{title} cannot be opened; {remedy}.')
        seconds = _camera_clock() if camera else _file_clock(capture)
        index = 0
        while True:
            there, image = capture.read()
            if not there:
                break
            yield Frame(source, as_image(image), index, next(seconds))
            index += 1
        if not index:
            raise ValueError(f'{title} gives no frame at all; {remedy}.')
    finally:
        capture.release()


def _camera_clock() -> Iterator[float]:
    start = time.monotonic()
    while True:
        yield time.monotonic() - start


def _file_clock(capture: cv2.VideoCapture) -> Iterator[float]:
    """What the file says of its frames, or the rate where it says nothing or leaps."""
    rate, start, seconds = frame_rate(capture), _position(capture), 0.0
    while True:
        yield seconds
        said = _position(capture) - start
        if seconds < said <= seconds + _LONGEST_STEP:
            seconds = said
        else:
            seconds += 1 / rate
            if np.isfinite(said) and abs(said - seconds) > _LONGEST_STEP:
                start += said - seconds  # what follows counts from here


def _position(capture: cv2.VideoCapture) -> float:
    return capture.get(cv2.CAP_PROP_POS_MSEC) / 1000


def frame_rate(capture: cv2.VideoCapture) -> float:
    """Frames a second of an opened video; 25 where the file does not say."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if np.isfinite(rate) and 0 < rate < 1000 else 25.0


def count_frames(items: Sequence[Input]) -> int:
    """Number of images and frames, 0 if it is not known beforehand."""
    total = 0
    for item in items:
        if not is_stream(item):
            total += 1
            continue
        if isinstance(item, int) or printable(os.fspath(item)) != os.fspath(item):
            return 0
        capture = cv2.VideoCapture(os.fspath(item))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        if count <= 0:
            return 0
        total += count
    return total
