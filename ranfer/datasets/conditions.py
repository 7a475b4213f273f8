"""Lists of images under a hard condition (occlusion, large pose) in the forms that are met.

Every line names one image; only the name counts, labels in a list are kept for information:

===========================  ===============================================================
line                         meaning
===========================  ===============================================================
``2_fer0033359.png 8 2``     label 2, image fer0033359, 8 crops, occlusion type 2
``1/fer0032227.jpg``         label 1, image fer0032227
``test_0003_aligned 3 4``    image test_0003_aligned, label 3, occlusion type 4
``val/0/<hash>/``            label 0, image <hash> (a folder of crops)
``7/<hash>/8.jpg``           label 7, image <hash>, crop 8
``any/path/name.jpg``        an image by its name, or by a path that ends like its own
``./#path/name.jpg``         the same for a path that begins with ``#``, else a comment
===========================  ===============================================================

Where a line as it is written is the path or name of an image, it means that image.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ranfer.datasets.names import IMAGE_SUFFIXES
from ranfer.datasets.text import TextLimitError, bounded_lines

_CROP = re.compile(r'^(?:.*/)?\d+/(?P<name>[^/]+)/\d+\.\w+$')
_LABELLED = re.compile(r'^\d+_(?P<name>.+)$')
_SUFFIX = re.compile(f'(?:{"|".join(map(re.escape, IMAGE_SUFFIXES))})$', re.IGNORECASE)


@dataclass(frozen=True)
class ConditionEntry:
    """One image of a list.

    Attributes:
        name: File name without folders and suffix.
        path: Path as written in the list, without suffix.
        kind: Occlusion type code as written by the authors; empty if the list has none.
        written: The lines that name it, as written but for the suffix, each with its type code.
    """

    name: str
    path: str
    kind: str = ''
    written: dict[str, str] = field(default_factory=dict, compare=False)


def parse_condition_line(line: str) -> ConditionEntry | None:
    """Parse one line of a condition list.

    Args:
        line: The line, see the module for the forms.

    Returns:
        ConditionEntry: The image, or None for an empty or comment (``#``) line.

    Raises:
        ValueError: If the line has no known form or names no image.
    """
    text = line.strip()
    if not text or text.startswith('#'):
        return None
    columns = text.split()
    codes = columns[1:]
    if len(codes) > 2 or not all(code.isdigit() for code in codes):
        if not _SUFFIX.search(text):
            raise ValueError(f'{text[:80]!r} names no image')
        columns, codes = [text], []  # a file name with blanks
    path = columns[0].replace('\\', '/').rstrip('/')
    path = path[2:] if path.startswith('./#') else path
    kind = codes[1] if len(codes) == 2 else ''
    written = _SUFFIX.sub('', path)
    labelled = _LABELLED.match(path)
    if kind and labelled and _SUFFIX.search(path):
        path = labelled['name']
    crop = _CROP.match(path)
    if crop:
        path = crop['name']
    path = _SUFFIX.sub('', path)
    name = path.rsplit('/', 1)[-1]
    if not name or '\0' in name:
        raise ValueError(f'{text[:80]!r} names no image')
    return ConditionEntry(name, path, kind, {written: kind})


def parse_condition_list(path: str) -> tuple[ConditionEntry, ...]:
    """Parse a condition list; an image that the list repeats counts once.

    Args:
        path: Text file, one image a line.

    Returns:
        tuple[ConditionEntry, ...]: The images in order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not text, is beyond a limit of :mod:`ranfer.datasets.text`, has
            no image, or a line has no known form; the sentence names file and line.
    """
    entries: dict[str, ConditionEntry] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            entry = parse_condition_line(line)
        except ValueError as error:
            raise ValueError(
                f'conditions: line {number} of {path!r}, {error}, expected one of the forms '
                f"'name', 'label/name.jpg', 'name label type' or 'label_name.png crops type'; "
                f'correct or remove the line'
            ) from error
        if entry is not None:
            first = entries.setdefault(entry.path, entry)
            first.written.update({**entry.written, **first.written})
    if not entries:
        raise ValueError(
            f'conditions: {path!r} names no image; give a list with one image a line '
            f'or remove the key'
        )
    return tuple(entries.values())


def _lines(path: str) -> Iterator[str]:
    """Lines of a list file; see :func:`parse_condition_list` for the errors."""
    try:
        with Path(path).expanduser().open(encoding='utf-8-sig') as file:
            yield from bounded_lines(file)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise FileNotFoundError(
            f'conditions: no list file {path!r}; give the path of a text file with one image a line'
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f'conditions: {path!r} is not a text file; give a list with one image a line'
        ) from error
    except TextLimitError as error:
        raise ValueError(
            f'conditions: {path!r} {error}; give a list with one image a line'
        ) from error
