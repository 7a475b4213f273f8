"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mmengine.fileio import LocalBackend, register_backend

TEMPORARY = '.tmp'
"""What the name of an unfinished file ends with."""


def refuse_overwriting(target: str | os.PathLike, *sources: str | os.PathLike) -> None:
    """See that a file to write is none that is read.

    Args:
        target: File to write.
        *sources: Files that are read.

    Raises:
        ValueError: If it is one of them.
    """
    for source in sources:
        if os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source):
            raise ValueError(
                f'{os.fspath(target)!r} is an input itself and would be written over; give another '
                f'name to write.'
            )


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write a file beside its place, onto the disk, and then move it there in one step.

    A process that is killed and a machine that loses power leave the former file or the new one.

    Args:
        path: The file; its folder is created.
        data: Its content.

    Raises:
        OSError: If it cannot be written; the former file stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(
            f'{path} cannot be written ({error.strerror or error}); files written before are '
            f'intact, so free space or make the folder writable, and go on with --resume.'
        ) from error


@contextlib.contextmanager
def open_beside(path: str | os.PathLike, mode: str = 'wb') -> Iterator[IO]:
    """Open a file beside its place, which is moved there when the body ends without an error.

    Quicker than :func:`write_atomically`, for what can be made again after a loss of power. Several
    processes may write the same file at once; the last one wins.

    Args:
        path: The file; its folder is created.
        mode: ``'wb'``, or ``'w'`` for text in UTF-8. Defaults to ``'wb'``.

    Raises:
        OSError: If it cannot be written; the former file stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{uuid.uuid4().hex[:8]}.part')
    try:
        with part.open(mode, encoding=None if 'b' in mode else 'utf-8') as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def draft_of(path: str) -> Iterator[str]:
    """Like :func:`open_beside` for a library that writes by itself: yield a path to write to.

    The draft has the name of the file, in a folder beside it.

    Args:
        path: The file; its folder is created. If the body ends with an error, it stays as it was.
    """
    folder = os.path.dirname(path) or '.'
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        draft = os.path.join(beside, os.path.basename(path))
        yield draft
        os.replace(draft, path)


def _sync_folder(folder: Path) -> None:
    """Bring a new name onto the disk, where the system can open folders."""
    if os.name != 'posix':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@register_backend('ranfer.atomic')
class AtomicBackend(LocalBackend):
    """MMEngine's ``LocalBackend`` with :func:`write_atomically` for bytes.

    Example:
        >>> backend_args = dict(backend='ranfer.atomic')
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath`` atomically."""
        write_atomically(filepath, obj)
