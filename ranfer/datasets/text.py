"""Text files of strangers, read in bounded memory."""

import os
from collections.abc import Iterator
from typing import TextIO

from mmengine.fileio import get

MAX_LINE = 1 << 16
"""Most characters of one line of a list or table."""

MAX_LINES = 2_000_000
"""Most lines of a list or table."""

MAX_TEXT = 1 << 30
"""Most characters of a list or table."""

MAX_BYTES = 512 << 20
"""Largest annotation file; a million rows with landmarks take less than half of it."""


class TextLimitError(ValueError):
    """A text file is beyond a limit; the text says which, as the end of a sentence."""


def bounded_lines(file: TextIO) -> Iterator[str]:
    """Lines of a text file; never more than one of them is in memory.

    Args:
        file: Open text file.

    Raises:
        TextLimitError: If a line is longer than :data:`MAX_LINE`, or the text than
            :data:`MAX_LINES` or :data:`MAX_TEXT`.
        UnicodeDecodeError: If the file is not text.
    """
    lines = total = 0
    while line := file.readline(MAX_LINE + 1):
        lines += 1
        total += len(line)
        if len(line) > MAX_LINE:
            raise TextLimitError(f'has a line of more than {MAX_LINE} characters')
        if lines > MAX_LINES or total > MAX_TEXT:
            raise TextLimitError(f'has more than {MAX_LINES} lines or {MAX_TEXT} characters')
        yield line


def read_text(path: str) -> str:
    """Whole text of a file of any file back end that MMEngine knows.

    Args:
        path: Path or URI.

    Returns:
        str: The text without a byte order mark.

    Raises:
        OSError: If a local file cannot be read.
        TextLimitError: If the file is larger than :data:`MAX_BYTES`; a local one is not read then.
        UnicodeDecodeError: If the file is not text.
    """
    if '://' in path:
        data = get(path)
    else:
        with open(path, 'rb') as file:
            _check_size(os.fstat(file.fileno()).st_size)
            data = file.read(MAX_BYTES + 1)  # a pipe has no size
    _check_size(len(data))
    return data.decode('utf-8-sig')


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise TextLimitError(f'has more than {MAX_BYTES >> 20} MiB')
