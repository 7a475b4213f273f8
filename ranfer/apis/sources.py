"""From what a user hands over to a list of single images, videos and cameras."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

import numpy as np

from ranfer.datasets.names import IMAGE_SUFFIXES, UNREAD_SUFFIXES, is_litter

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv')

Stream = str | os.PathLike | int
"""A video file or a camera."""

Input = Stream | np.ndarray
"""An image, folder, pattern or one of these, as a path, array or index."""


def is_stream(item: object) -> TypeGuard[Stream]:
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
    if is_stream(inputs) and isinstance(inputs, int):
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
