"""The annotation form of ranfer: reading, checking and writing it.

A file is MMEngine's ``{"metainfo": {...}, "data_list": [...]}`` as JSON. A row has ``img_path`` and
``gt_label`` and, if known, ``gt_score`` (C values that sum to 1), ``bbox`` (x1, y1, x2, y2),
``keypoints`` (5 x 2: left eye, right eye, nose, left and right mouth corner, left and right as seen
in the image), ``keypoints_visible`` (5 values, 0 where hidden) and ``conditions`` (names).
"""

import gc
import json
import os
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from ranfer.datasets.names import is_safe
from ranfer.datasets.text import TextLimitError, read_text
from ranfer.engine.atomic import open_beside

MAX_COORDINATE = 1e6
"""Largest coordinate of a box or landmark in pixels."""

RESERVED = frozenset({'gt_bboxes', 'gt_keypoints', 'img', 'region_mask', 'regions', 'sample_idx'})
"""Keys of a sample that no row may bring along unchecked."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Pause the collector: it would walk millions of young lists again and again for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load_annotation(path: str, hint: str = '') -> dict:
    """Read an annotation file of any file back end that MMEngine knows.

    Args:
        path: Path or URI of the JSON file.
        hint: What to do when the file is missing or wrong, appended to the error.

    Returns:
        dict: ``metainfo`` (dict) and ``data_list`` (list of dict).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, nested too deeply, no JSON, lacks one of the two keys, or
            its classes are no names.
    """
    try:
        text = read_text(path)
        with no_garbage_collection():
            annotation = json.loads(text)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise FileNotFoundError(f'ann_file: no annotation file {path!r}; {hint}') from error
    except TextLimitError as error:
        raise ValueError(f'ann_file: {path!r} {error}, expected an annotation; {hint}') from error
    except RecursionError as error:
        raise ValueError(
            f'ann_file: {path!r} is nested too deeply, expected an annotation; {hint}'
        ) from error
    except ValueError as error:
        raise ValueError(
            f'ann_file: {path!r} is not valid JSON ({error}), perhaps a cut-off copy; {hint}'
        ) from error
    if not isinstance(annotation, dict):
        annotation = {}
    if not isinstance(annotation.get('metainfo'), dict) or not isinstance(
        annotation.get('data_list'), list
    ):
        raise ValueError(
            f"ann_file: {path!r} has no 'metainfo' (a mapping) and 'data_list' (a list); {hint}"
        )
    classes = annotation['metainfo'].get('classes')
    if classes is not None and not _is_names(classes):
        raise ValueError(
            f'ann_file: {path!r} has the classes {reprlib.repr(classes)}, expected a list of '
            f'names; {hint}'
        )
    return annotation


def load_rows(path: str, hint: str = '') -> list[dict]:
    """Rows of an annotation file, whatever its classes; :func:`load_annotation` and
    :func:`check_rows` tell arguments and errors."""
    rows = load_annotation(path, hint)['data_list']
    check_rows(rows, path, num_classes=None)
    return rows


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(name) is str for name in value)


def save_annotation(path: str | os.PathLike, metainfo: dict, rows: Sequence[dict]) -> None:
    """Write an annotation file, one row a line, replacing an older one only when complete.

    Args:
        path: Where to write; missing folders are made.
        metainfo: Data set name, protocol, ``classes`` and whatever else belongs to the split.
        rows: The rows in order.
    """
    with open_beside(path, 'w') as file:
        file.write(f'{{"metainfo": {json.dumps(metainfo)},\n"data_list": [\n')
        file.write(',\n'.join(json.dumps(row, separators=(',', ':')) for row in rows))
        file.write('\n]}\n')


def check_rows(rows: Sequence[dict], source: str, num_classes: int | None) -> None:
    """Check all rows of a split at once.

    Args:
        rows: Rows in the form of this module.
        source: File the rows come from, named in errors.
        num_classes: C; labels must lie in [0, C) and score vectors have C values. None: any.

    Raises:
        ValueError: If a row has a reserved key or a wrong path, label, distribution, box,
            landmark shape or visibility. The sentence names the file and the row (counted from 0).
    """
    if not rows:
        raise ValueError(
            f'data_list: {source!r} has no rows, expected at least one image; '
            f'check the split or run the converter again'
        )
    if not all(type(row) is dict for row in rows):
        index = next(i for i, row in enumerate(rows) if type(row) is not dict)
        _fail(source, index, 'data_list', rows[index], 'a mapping with img_path and gt_label')
    _check_keys(rows, source)
    _check_paths(rows, source)
    _check_labels(rows, source, num_classes)
    for key, shape in (('bbox', (4,)), ('keypoints', (5, 2)), ('keypoints_visible', (5,))):
        _check_array(rows, source, key, shape)
    _check_boxes(rows, source)
    _check_visible(rows, source)
    _check_scores(rows, source, num_classes)
    _check_conditions(rows, source)


def _fail(source: str, index: int, key: str, got: object, expected: str) -> NoReturn:
    raise ValueError(
        f'{key}: row {index} of {source!r} has {reprlib.repr(got)}, expected {expected}; '
        f'correct the row or run the converter again'
    )


def _check_keys(rows: Sequence[dict], source: str) -> None:
    for index, row in enumerate(rows):
        if not RESERVED.isdisjoint(row):
            key = min(RESERVED.intersection(row))
            _fail(source, index, key, row[key], 'no such key: it is made when the row is read')


def _check_paths(rows: Sequence[dict], source: str) -> None:
    for index, row in enumerate(rows):
        path = row.get('img_path')
        if type(path) is not str or not path:
            _fail(source, index, 'img_path', path, 'the path of an image')
        if not is_safe(path):
            _fail(source, index, 'img_path', path, 'a path below the folder of the data set')


def _check_labels(rows: Sequence[dict], source: str, num_classes: int | None) -> None:
    labels: list[Any] = [row.get('gt_label') for row in rows]
    bound = f'in [0, {num_classes})' if num_classes else 'of at least 0'
    if not all(type(label) is int for label in labels):
        index = next(i for i, label in enumerate(labels) if type(label) is not int)
        _fail(source, index, 'gt_label', labels[index], f'a whole number {bound}')
    limit = num_classes or 1 << 31
    if not 0 <= min(labels) <= max(labels) < limit:
        index = next(i for i, label in enumerate(labels) if not 0 <= label < limit)
        _fail(source, index, 'gt_label', labels[index], f'a class index {bound}')


def _as_array(values: Sequence, shape: tuple[int, ...]) -> np.ndarray | None:
    """Stack values of one shape to float64; None if any has another shape or no number."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if array.shape[1:] == shape else None


def _check_array(rows: Sequence[dict], source: str, key: str, shape: tuple[int, ...]) -> None:
    given = [(i, row[key]) for i, row in enumerate(rows) if row.get(key) is not None]
    chunk = 65536
    for start in range(0, len(given), chunk):
        part = given[start : start + chunk]
        array = _as_array([value for _, value in part], shape)
        if _is_usable(array):
            continue
        for index, value in part:
            if not _is_usable(_as_array([value], shape)):
                expected = f'finite numbers of shape {shape}, at most {MAX_COORDINATE:g}'
                _fail(source, index, key, value, expected)


def _is_usable(array: np.ndarray | None) -> bool:
    return array is not None and bool((abs(array) <= MAX_COORDINATE).all())


def _check_boxes(rows: Sequence[dict], source: str) -> None:
    for index, row in enumerate(rows):
        if row.get('bbox') is None:
            continue
        x1, y1, x2, y2 = map(float, row['bbox'])
        if x1 > x2 or y1 > y2:
            _fail(source, index, 'bbox', row['bbox'], 'x1, y1, x2, y2 with x1 <= x2 and y1 <= y2')


def _check_visible(rows: Sequence[dict], source: str) -> None:
    for index, row in enumerate(rows):
        values = row.get('keypoints_visible')
        if values is not None and not {0, 1, 2}.issuperset(values):
            _fail(source, index, 'keypoints_visible', values, '5 values 0, 1 or 2')


def _check_scores(rows: Sequence[dict], source: str, num_classes: int | None) -> None:
    given = [(i, row['gt_score']) for i, row in enumerate(rows) if row.get('gt_score') is not None]
    if not given:
        return
    first = given[0][1]
    width = num_classes or (len(first) if isinstance(first, list) else 1)
    array = _as_array([value for _, value in given], (width,))
    if array is not None and (array >= 0).all() and (abs(array.sum(1) - 1) < 1e-3).all():
        return
    for index, value in given:
        one = _as_array([value], (width,))
        if one is None or (one < 0).any() or not abs(one.sum() - 1) < 1e-3:
            _fail(source, index, 'gt_score', value, f'{width} values of at least 0 that sum to 1')


def _check_conditions(rows: Sequence[dict], source: str) -> None:
    for index, row in enumerate(rows):
        names = row.get('conditions')
        if names is not None and not (
            type(names) is list and all(type(name) is str for name in names)
        ):
            _fail(source, index, 'conditions', names, 'a list of condition names')
