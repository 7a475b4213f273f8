"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

TEMPORARY = '.tmp'
"""What the name of an unfinished file ends with."""


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
