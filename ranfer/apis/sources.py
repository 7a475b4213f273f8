"""From what a user hands over to a stream of images."""

from __future__ import annotations

import glob
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis.images import as_image, read_image
from ranfer.apis.results import printable
from ranfer.datasets.names import IMAGE_SUFFIXES, UNREAD_SUFFIXES, is_litter

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv')

Input = str | os.PathLike | np.ndarray | int


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


def is_stream(item: object) -> bool:
    """Whether an input is a video file or a camera."""
    if isinstance(item, (str, os.PathLike)):
        return Path(item).suffix.lower() in VIDEO_SUFFIXES
    return isinstance(item, int) and not isinstance(item, bool)


def expand(inputs: Input | Sequence[Input]) -> list[Input]:
    """List the single images, videos and cameras behind an input.

    Args:
        inputs: Path of an image, a video or a folder (images in it and below it, sorted), glob
            pattern, array, camera index, or a sequence of these.

    Raises:
        FileNotFoundError: If a path does not exist, a pattern fits nothing, or a folder has no
            image.
        TypeError: If an input is none of these.
        PermissionError: If a folder cannot be entered.
        ValueError: If a sequence is empty, a path is empty or a URL, or no camera can have the
            index.
    """
    if isinstance(inputs, (list, tuple)):
        if not inputs:
            raise ValueError('The list of inputs is empty; give at least one image.')
        return [single for item in inputs for single in expand(item)]
    if isinstance(inputs, int) and is_stream(inputs):
        if not 0 <= inputs < 2**31:  # OpenCV ends the process
            raise ValueError(
                f'Camera index {inputs} is out of range; give 0 for the first camera, 1 for the '
                f'next.'
            )
        return [inputs]
    if isinstance(inputs, np.ndarray):
        return [inputs]
    if not isinstance(inputs, (str, os.PathLike)):
        raise TypeError(
            f'Input is of type {type(inputs).__name__}, expected a path, a NumPy array, a camera '
            f'index or a list of these.'
        )
    return [*_expand_path(os.fspath(inputs))]


def _expand_path(text: str) -> list[str]:
    if not text:
        raise ValueError("Input is an empty path; give a file, or '.' for the current folder.")
    if '://' in text:
        raise ValueError(f'Input {text!r} is a URL; download the file and give its path.')
    path = _expand_home(text)
    if is_folder(path):
        files = [p for p in _files_below(path) if not is_litter(p.relative_to(path).as_posix())]
        images = sorted(p for p in files if p.suffix.lower() in IMAGE_SUFFIXES)
        _warn_of_unread(text, files)
        if not images:
            raise FileNotFoundError(
                f'Folder {text!r} holds no image; give one with files such as .jpg or .png.'
            )
        return list(map(str, images))
    if glob.has_magic(text) and not path.is_file():
        found = sorted(p for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
        if not found:
            raise FileNotFoundError(f'Pattern {text!r} fits no file; check it.')
        return found
    return [str(path)]


def _warn_of_unread(folder: str, files: Sequence[Path]) -> None:
    count = sum(path.suffix.lower() in UNREAD_SUFFIXES for path in files)
    if count:
        warnings.warn(
            f'Folder {folder!r} has HEIC, HEIF or AVIF images ({count}), which cannot be read and '
            f'are left out; convert them to JPEG.',
            stacklevel=2,
        )


def _files_below(root: Path) -> Iterator[Path]:
    def report(error: OSError) -> None:
        if error.filename == str(root):
            raise error
        warnings.warn(
            f'Folder {error.filename!r} cannot be entered ({error.strerror}); allow access to it, '
            f'or go without its images.',
            stacklevel=2,
        )

    for folder, _, names in os.walk(root, onerror=report):
        yield from (Path(folder, name) for name in names)


def is_several(inputs: Input | Sequence[Input], items: Sequence[Input]) -> bool:
    """Whether an input is a folder, pattern or list, of which a bad file ends nothing.

    Args:
        inputs: What the user gave.
        items: What :func:`expand` made of it.
    """
    if not isinstance(inputs, (str, os.PathLike)):
        return isinstance(inputs, (list, tuple))
    return len(items) != 1 or items[0] != str(_expand_home(os.fspath(inputs)))


def _expand_home(text: str) -> Path:
    """Put the home folder in place of ``~``, unless a file is called so."""
    return Path(text if os.path.lexists(text) else os.path.expanduser(text))


def is_folder(item: object) -> bool:
    """Whether an input is the path of a folder."""
    try:
        return isinstance(item, (str, os.PathLike)) and Path(item).is_dir()
    except (OSError, ValueError):  # too long a name, or a zero byte in it
        return False


def read_frames(item: Input, keep_errors: bool = False) -> Iterator[Frame]:
    """Yield the image of an input, or the frames of a video or camera.

    Args:
        item: One entry of :func:`expand`.
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


def _read_video(item: str | os.PathLike | int) -> Iterator[Frame]:
    camera, source = isinstance(item, int), _name(item)
    if not camera and not Path(source).is_file():
        raise FileNotFoundError(f'Video {source!r} does not exist; check the path.')
    if printable(source) != source:  # OpenCV crashes
        raise ValueError(f'Video {source!r} has a name that is not UTF-8; rename the file.')
    capture = cv2.VideoCapture(item if camera else source)
    try:
        if not capture.isOpened():
            raise ValueError(
                f'Camera {item} cannot be opened; check that it is connected and not in use.'
                if camera
                else f'Video {source!r} cannot be opened; give a file that OpenCV can decode.'
            )
        seconds = _camera_clock() if camera else _file_clock(capture)
        index = 0
        while True:
            there, image = capture.read()
            if not there:
                break
            yield Frame(source, as_image(image), index, next(seconds))
            index += 1
        if not index:
            raise ValueError(f'{source[:1].upper()}{source[1:]!s} gives no frame at all.')
    finally:
        capture.release()


_LONGEST_STEP = 10.0
"""Seconds between two frames beyond which the file is not believed: streams that were cut together
leap by hours."""


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
        if isinstance(item, np.ndarray) or not is_stream(item):
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
