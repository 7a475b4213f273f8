"""Read-only view of what a data set's owner hands out: folders and zip files alike."""

import csv
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.image_file import MAX_FILE_BYTES
from ranfer.datasets.names import is_litter, is_safe
from ranfer.datasets.text import MAX_LINE, TextLimitError, bounded_lines

MAX_UNPACKED = 1 << 30
"""Most bytes that an archive may unpack to if that is more than :data:`MAX_RATIO` times its own."""

MAX_RATIO = 100
"""How far the whole of an archive may unpack; images hardly do at all, and tables ten times."""

_UNREADABLE = (
    OSError, EOFError, ValueError, NotImplementedError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What :mod:`zipfile` raises on damaged archives and on methods and versions it does not know."""


class MemberError(Exception):
    """One file of a source cannot be read; the text says why."""


@dataclass(frozen=True)
class Member:
    """Place of one file of a source.

    Attributes:
        container: Zip file, or '' for a plain file.
        path: Name in the zip file, or path of the plain file.
    """

    container: str
    path: str

    def read(self, limit: int = MAX_FILE_BYTES) -> bytes:
        """Content of the file.

        Args:
            limit: Most bytes that are read.

        Raises:
            MemberError: If the file is unreadable, encrypted, damaged or larger than the limit.
        """
        try:
            with self.open() as file:
                data = file.read(limit + 1)
        except _UNREADABLE as error:
            raise MemberError(f'cannot be unpacked ({error})') from error
        if len(data) > limit:
            raise MemberError(f'unpacks to more than {limit >> 20} MiB')
        return data

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open for streaming; the errors are those of the file system and of :mod:`zipfile`."""
        if not self.container:
            with open(self.path, 'rb') as file:
                yield file
            return
        archive = _open_zip(self.container, os.getpid(), os.stat(self.container).st_mtime_ns)
        if archive.getinfo(self.path).flag_bits & 1:
            raise MemberError("is encrypted; unpack the archive with the owners' password first")
        with archive.open(self.path) as file:
            yield file


@lru_cache(maxsize=32)
def _open_zip(path: str, _pid: int, _changed: int) -> zipfile.ZipFile:
    """One open handle a file and process: forked workers must not share a file position."""
    return zipfile.ZipFile(path)


class Source:
    """Files below some folders and in some zip files, by relative name with ``/``.

    A zip file inside a folder counts as a folder of the name without ``.zip``. Names that would
    lead outside (absolute, ``..``, drive letters) and links are skipped and reported, the additions
    of macOS (``__MACOSX/``, ``._name``) skipped without a word.

    Args:
        paths: Folders, zip files and single files.
        report: Takes the skipped names.

    Raises:
        ConversionError: If a path does not exist or a zip file is damaged.
    """

    def __init__(self, paths: Iterable[str | os.PathLike], report: Report) -> None:
        self.report = report
        self.files: dict[str, Member] = {}
        self.paths = [Path(path).expanduser() for path in paths]
        for path in self.paths:
            if path.is_dir():
                self._add_folder(path)
            elif path.suffix.lower() == '.zip' and path.is_file():
                self._add_zip(path, '')
            elif path.is_file():
                self.files[path.name] = Member('', str(path))
            else:
                raise ConversionError(
                    f'source: no file or folder {str(path)!r}; give the archive or folder that the '
                    f"data set's owners hand out"
                )

    def __str__(self) -> str:
        return ', '.join(map(str, self.paths))

    def _add_folder(self, root: Path) -> None:
        for folder, subfolders, names in os.walk(root):
            subfolders.sort()
            for path in (Path(folder, name) for name in subfolders):
                if path.is_symlink():
                    relative = path.relative_to(root).as_posix()
                    self.report.skip('linked folder', f'{relative} (copy it, or give its target)')
            for name in sorted(names):
                path = Path(folder, name)
                relative = path.relative_to(root).as_posix()
                if is_litter(relative):
                    continue
                if path.is_symlink() and (defect := _link_defect(path, root)):
                    self.report.skip(defect, f'{relative} (link)')
                elif name.lower().endswith('.zip'):
                    self._add_zip(path, f'{relative[:-4]}/')
                else:
                    self.files[relative] = Member('', str(path))

    def _add_zip(self, path: Path, prefix: str) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except _UNREADABLE as error:
            raise ConversionError(
                f'source: {str(path)!r} is no complete zip file ({error}); download it again'
            ) from error
        _check_total(path, infos)
        for info in infos:
            name = info.filename
            if name.endswith('/') or is_litter(name):
                continue
            if not is_safe(name) or (info.external_attr >> 28) == 0xA:
                self.report.skip('name outside the root', f'{name} in {path.name}')
            else:
                self.files[prefix + name] = Member(str(path), name)

    def find(self, suffix: str) -> str | None:
        """Name of the one file whose path ends in ``/suffix``, whatever the case of letters.

        Args:
            suffix: End of a path, such as ``'EmoLabel/list_patition_label.txt'``.

        Returns:
            str: The name, the shortest one if there are several; None if there is none.
        """
        wanted = suffix.lower()
        found = [n for n in self.files if n.lower() == wanted or n.lower().endswith(f'/{wanted}')]
        return min(found, key=lambda name: (len(name), name), default=None)

    def require(self, *suffixes: str) -> str:
        """First of several files that is there.

        Raises:
            ConversionError: If the source has none of them.
        """
        for suffix in suffixes:
            name = self.find(suffix)
            if name is not None:
                return name
        raise ConversionError(
            f'source: no {" or ".join(suffixes)} in {self}; give the complete archive or folder, '
            f'archives inside an archive unpacked'
        )

    def lines(self, name: str) -> Iterator[str]:
        """Lines of a text file, without a byte order mark.

        Raises:
            ConversionError: If the file cannot be read as text or is beyond a limit of
                :mod:`ranfer.datasets.text`.
        """
        try:
            with self.files[name].open() as file:
                yield from bounded_lines(io.TextIOWrapper(file, encoding='utf-8-sig'))
        except UnicodeDecodeError as error:
            raise ConversionError(f'source: {name} is not a text file ({error.reason})') from error
        except TextLimitError as error:
            raise ConversionError(
                f"source: {name} {error}, expected the owners' list; download it again"
            ) from error
        except (*_UNREADABLE, MemberError) as error:
            raise ConversionError(f'source: {name} cannot be read ({error})') from error

    def rows(self, name: str) -> Iterator[list[str]]:
        """Rows of a table of comma-separated values.

        Raises:
            ConversionError: If the file cannot be read, or is no such table.
        """
        csv.field_size_limit(MAX_LINE)
        lines = (line.replace('\0', '\ufffd') for line in self.lines(name))  # Python 3.10 refuses 0
        try:
            yield from csv.reader(lines, skipinitialspace=True)
        except csv.Error as error:
            raise ConversionError(
                f'source: {name} is no table of comma-separated values ({error}); download it again'
            ) from error


def _link_defect(path: Path, root: Path) -> str | None:
    """Why a link is left out, or None if it leads to something below the root."""
    try:
        inside = path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # RuntimeError: a loop, up to Python 3.12
        return 'broken link'
    return None if inside else 'name outside the root'


def _check_total(path: Path, infos: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose files share their bytes or unpack to far more than it weighs."""
    size = path.stat().st_size
    packed = sum(info.compress_size for info in infos)
    unpacked = sum(info.file_size for info in infos)
    if packed > size or unpacked > max(MAX_UNPACKED, MAX_RATIO * size):
        raise ConversionError(
            f'source: {str(path)!r} of {size} bytes would unpack to {unpacked}, expected an '
            f"archive of images and tables; take the owners' archive"
        )
