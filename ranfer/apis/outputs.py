"""Names of the files that an analysis writes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

from ranfer.apis.sources import Input


class Outputs:
    """Names of files to write: none comes twice, and none is an input.

    Args:
        inputs: What is read, as :func:`ranfer.apis.sources.expand` lists it.
    """

    def __init__(self, inputs: Iterable[Input] = ()) -> None:
        paths = (item for item in inputs if isinstance(item, (str, os.PathLike)))
        self._inputs = {identity for path in paths if (identity := _identity(path))}
        self._taken: set[str] = set()

    def name(self, stem: str) -> str:
        """Return ``stem``, with a number if it came before, in either case of letters."""
        numbered = (f'{stem}_{number}' for number in count(2))
        name = next(x for x in chain([stem], numbered) if x.lower() not in self._taken)
        self._taken.add(name.lower())
        return name

    def target(self, path: str | os.PathLike) -> Path:
        """Return ``path`` as one to write.

        Raises:
            ValueError: If it is an input.
        """
        if _identity(path) in self._inputs:
            raise ValueError(
                f'{os.fspath(path)!r} is an input itself and would be written over; give another '
                f'folder or name.'
            )
        return Path(path)


def _identity(path: str | os.PathLike) -> tuple[int, int] | None:
    """What tells a file from all others, or None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return None
    return status.st_dev, status.st_ino
