"""Which rows of a split a condition list names."""

import logging
import os.path as osp
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn

from mmengine.logging import print_log

from ranfer.datasets.conditions import ConditionEntry, parse_condition_list

_LABEL = re.compile(r'\d{1,2}')
"""Folder in a condition list that tells a label, as in ``1/name.jpg`` or ``val/0/name``."""


def add_conditions(
    rows: Sequence[dict], lists: Mapping[str, str], key: Callable[[str], str], owner: str
) -> None:
    """Add to ``conditions`` of every row the lists that name it, and report what fits no row.

    Args:
        rows: Rows in the form of :mod:`ranfer.datasets.annotation`, changed in place.
        lists: Condition name -> list file.
        key: Form of an image name (no folder, no suffix) by which lists and rows are matched.
        owner: Name of the data set in the log.

    Raises:
        FileNotFoundError: If a list is missing.
        ValueError: If a list is wrong (see :func:`ranfer.datasets.parse_condition_list`), or names
            no image of the split.
    """
    index = _RowIndex(rows, key)
    for condition, file in lists.items():
        unknown, ambiguous, matched = [], 0, 0
        for path, kind in index.named(parse_condition_list(file)):
            found = index.find(path)
            if not found:
                unknown.append(_name(path))
            elif path not in index.by_path and len({row['img_path'] for row in found}) > 1:
                ambiguous += 1
            else:
                matched += 1
                for row in found:
                    _mark(row, condition, kind)
        if not matched:
            _fail(condition, file, rows[0], unknown, ambiguous)
        _report(f'{owner}: condition {condition!r}', file, matched, unknown, ambiguous)


class _RowIndex:
    """Rows of a split by the path and by the name of their image, both without suffix."""

    def __init__(self, rows: Sequence[dict], key: Callable[[str], str]) -> None:
        self.key = key
        self.by_path: dict[str, list[dict]] = defaultdict(list)
        self.by_name: dict[str, list[dict]] = defaultdict(list)
        for row in rows:
            path = osp.splitext(row['img_path'])[0]
            self.by_path[path].append(row)
            self.by_name[key(_name(path))].append(row)

    def named(self, entries: Iterable[ConditionEntry]) -> Iterator[tuple[str, str]]:
        """Path and type code of what a list names: its lines as they are written where an image
        is called so, else what they mean in the authors' forms."""
        for entry in entries:
            taken_apart = (line for line in entry.written if line != entry.path)
            known = any(line in self.by_path or line in self.by_name for line in taken_apart)
            yield from entry.written.items() if known else [(entry.path, entry.kind)]

    def find(self, path: str) -> list[dict]:
        """Rows of a path, or else those of its name whose folders may be the path's."""
        if path in self.by_path:
            return self.by_path[path]
        named = self.by_name.get(self.key(_name(path)), [])
        return [row for row in named if _may_be_in(path, row['img_path'])]


def _name(path: str) -> str:
    return path.rsplit('/', 1)[-1]


def _may_be_in(listed: str, path: str) -> bool:
    """Whether the folders of a list's path, if it has any but a label's, are those of an image."""
    named, own = listed.split('/')[:-1], path.split('/')[:-1]
    if named and _LABEL.fullmatch(named[-1]):
        return True
    shorter = min(len(named), len(own))
    return named[len(named) - shorter :] == own[len(own) - shorter :]


def _mark(row: dict, condition: str, kind: str) -> None:
    names = row['conditions'] = row.get('conditions') or []
    for name in (condition, f'{condition}_{kind}' if kind else condition):
        if name not in names:
            names.append(name)


def _fail(condition: str, file: str, row: dict, unknown: Sequence[str], ambiguous: int) -> NoReturn:
    """Refuse a list of which no name fits, as it is that of another split or data set."""
    if ambiguous:
        raise ValueError(
            f'conditions: {condition!r} is empty, as {ambiguous} of {ambiguous + len(unknown)} '
            f'names in {file!r} fit several images; write their relative paths in the list'
        )
    raise ValueError(
        f'conditions: {condition!r} is empty, as none of the {len(unknown)} names in {file!r} is '
        f'in this split, the first of which is {unknown[0]!r}, where {row["img_path"]!r} is the '
        f'first image; give the list of this split or remove the key'
    )


def _report(
    condition: str, file: str, matched: int, unknown: Sequence[str], ambiguous: int
) -> None:
    print_log(f'{condition} holds {matched} images ({file})', 'current')
    if unknown:
        print_log(
            f'{condition}: {len(unknown)} of {matched + len(unknown) + ambiguous} names in {file} '
            f'are not in this split and are left out, first {unknown[0]!r}',
            'current',
            level=logging.WARNING,
        )
    if ambiguous:
        print_log(
            f'{condition}: {ambiguous} names in {file} fit several images and are left out; write '
            f'their relative path in the list',
            'current',
            level=logging.WARNING,
        )
