"""Films written to files."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis.frames import frame_rate
from ranfer.apis.sources import Stream

_CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'mp4v', '.mov': 'mp4v'}

_CAMERA_RATE = 25.0
"""Frames a second in the film of a camera, whose own depend on how fast they are analysed."""


class Film:
    """A video file of frames at their times, each again and again until the next.

    Use it in a ``with`` block, whose end without an error is the end of the film.

    Args:
        path: File to write, ``.mp4``, ``.avi``, ``.mkv`` or ``.mov``; its folder is created.
        rate: Frames a second.
        size: Width and height in pixels.

    Raises:
        OSError: At the end of the block, if the film could not be written in full.
        ValueError: If the format is another, or the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike, rate: float, size: tuple[int, int]) -> None:
        path = Path(path)
        if path.suffix.lower() not in _CODECS:
            raise ValueError(
                f'Video {str(path)!r} cannot be written as {path.suffix!r}; use one of '
                f'{", ".join(_CODECS)}.'
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = str(path)
        self._rate = rate
        codec = cv2.VideoWriter_fourcc(*_CODECS[path.suffix.lower()])
        self._writer = cv2.VideoWriter(self._path, codec, rate, size)
        if not self._writer.isOpened():
            raise ValueError(
                f'Video {self._path!r} cannot be written; check the folder or use .avi.'
            )
        self._written = 0
        self._last: np.ndarray | None = None

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Show an image from a time on.

        Args:
            image: BGR, uint8, ``(H, W, 3)``.
            seconds: Time from the start of the film, not before that of the image before.
        """
        place = round(seconds * self._rate)
        for _ in range(self._written, place):
            self._writer.write(image if self._last is None else self._last)
        if self._written <= place:
            self._writer.write(image)
            self._written = place + 1
        self._last = image

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._writer.release()
        if kind is not None:
            return
        film = cv2.VideoCapture(self._path)  # the writer keeps silent about errors
        whole = film.isOpened() and film.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        film.release()
        if not whole:
            raise OSError(
                f'Video {self._path!r} could not be written in full; free space there, or choose '
                f'another folder.'
            )


def film_rate(source: Stream) -> float:
    """Frames a second for a film of a video file or camera, which itself has no rate.

    MPEG-4 holds a rate in 16 bits, which is so many digits.
    """
    if isinstance(source, int):
        return _CAMERA_RATE
    capture = cv2.VideoCapture(os.fspath(source))
    rate = max(frame_rate(capture), 1.0)
    capture.release()
    return round(rate, 3 if rate < 65 else 2 if rate < 650 else 1)
