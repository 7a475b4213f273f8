"""Names of the files that an analysis writes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

from ranfer.apis.sources import Input


class OccupiedError(ValueError):
    """A file that may be the user's own has the name of one to write."""


class Outputs:
    """Names of files to write: none comes twice, and none is an input or a file beside one.

    Args:
        inputs: What is read, as :func:`ranfer.apis.sources.expand` lists it.
    """

    def __init__(self, inputs: Iterable[Input] = ()) -> None:
        paths = [item for item in inputs if isinstance(item, (str, os.PathLike))]
        found = {path: identity for path in paths if (identity := _identity(path))}
        self._inputs = set(found.values())
        self._folders = _folders_above(found)
        self._taken: set[str] = set()
        self._targets: set[str] = set()

    def name(self, stem: str) -> str:
        """Return ``stem``, with a number if it came before, in either case of letters."""
        numbered = (f'{stem}_{number}' for number in count(2))
        name = next(x for x in chain([stem], numbered) if x.lower() not in self._taken)
        self._taken.add(name.lower())
        return name

    def target(self, path: str | os.PathLike) -> Path:
        """Return ``path``, which the user named, as one to write.

        Raises:
            ValueError: If it is an input, or came before.
        """
        if _identity(path) in self._inputs:
            raise ValueError(
                f'{os.fspath(path)!r} is an input itself and would be written over; give another '
                f'folder or name.'
            )
        real = os.path.realpath(path)
        if real in self._targets:
            raise ValueError(
                f'{os.fspath(path)!r} is to hold two results, of which one would be lost; give '
                f'another name to one.'
            )
        self._targets.add(real)
        return Path(path)

    def target_in(self, folder: str | os.PathLike, name: str) -> Path:
        """Return the path of a file that the user did not name, as one to write.

        Raises:
            ValueError: Like :meth:`target`.
            OccupiedError: If there is a file of that name in a folder that holds inputs, where it
                need not be of an earlier run.
        """
        path = self.target(Path(folder) / name)
        if os.path.exists(path) and os.path.realpath(folder) in self._folders:
            raise OccupiedError(
                f'{os.fspath(path)!r} exists already, in a folder that holds inputs, and would be '
                f'written over; give another folder, or remove it.'
            )
        return path


def is_full(error: Exception) -> bool:
    """Whether an error says that no file can be written any more."""
    return getattr(error, 'errno', None) in (errno.ENOSPC, errno.EDQUOT)


def _folders_above(paths: Iterable[str | os.PathLike]) -> set[str]:
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}
    reals = {Path(os.path.realpath(folder)) for folder in folders}
    return {str(folder) for real in reals for folder in (real, *real.parents)}


def _identity(path: str | os.PathLike) -> tuple[int, int] | None:
    """What tells a file from all others, or None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return None
    return status.st_dev, status.st_ino
