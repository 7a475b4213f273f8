"""RAF-DB (basic expressions) from its owners' folders."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ranfer.datasets.converters.images import ImageJob, SkipImage, convert_images
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Member, MemberError, Source
from ranfer.datasets.converters.write import split_rows, write_splits
from ranfer.datasets.rafdb import RAFDB
from ranfer.landmarks.align import align_face

CLASSES = RAFDB.METAINFO['classes']
PUBLISHED = {'train': 12271, 'test': 3068}
_CODES = tuple(str(label + 1) for label in range(len(CLASSES)))
_IMAGE = re.compile(r'^(train|test)_(\d+)\.jpg$')


def read_labels(source: Source, report: Report) -> dict[str, int]:
    """Image name such as ``train_00001`` -> label from 0, of ``list_patition_label.txt``.

    Args:
        source: Holds ``EmoLabel/list_patition_label.txt``, lines ``train_00001.jpg 5``.
        report: Takes lines that are wrong.

    Returns:
        dict[str, int]: In the order of the file; label 0 is the owners' 1.

    Raises:
        ConversionError: If the file is missing or has no label.
    """
    name = source.require('EmoLabel/list_patition_label.txt', 'list_patition_label.txt')
    labels: dict[str, int] = {}
    for number, line in enumerate(source.lines(name), 1):
        columns = line.split()
        if not columns:
            continue
        match = _IMAGE.match(columns[0])
        if len(columns) != 2 or not match:
            report.skip('unknown line', f'{name} line {number}: {line.strip()[:60]!r}')
        elif columns[1] not in _CODES:
            report.skip('unknown label', f'{name} line {number}: {line.strip()[:60]!r}')
        elif columns[0][:-4] in labels:
            report.skip('duplicate', f'{name} line {number}: {columns[0]}')
        else:
            labels[columns[0][:-4]] = int(columns[1]) - 1
    if not labels:
        raise ConversionError(
            f"source: {name} has no line like 'train_00001.jpg 5'; give the owners' file"
        )
    return labels


def read_landmarks(text: str) -> np.ndarray:
    """The five points of ``Annotation/manual/train_00001_manu_attri.txt``.

    Args:
        text: Content of the file; its first five lines are x and y in the original image.

    Returns:
        np.ndarray: float64, shape ``(5, 2)``.

    Raises:
        SkipImage: If the first five lines are no points.
    """
    try:
        points = np.array([line.split() for line in text.splitlines()[:5]], dtype=np.float64)
    except ValueError:
        points = np.empty(0)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise SkipImage('wrong landmarks')
    return points


def align_job(image: np.ndarray, info: dict) -> tuple[np.ndarray, dict]:
    """Align an original image by its manual landmarks; a ``prepare`` function.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        info: ``points`` (text of the landmark file, or None) and ``size``.

    Returns:
        tuple[np.ndarray, dict]: Face and its ``keypoints``.

    Raises:
        SkipImage: If there are no usable landmarks.
    """
    if info['points'] is None:
        raise SkipImage('missing landmarks')
    try:
        face, points = align_face(image, read_landmarks(info['points']), info['size'])
    except ValueError as error:
        raise SkipImage('wrong landmarks') from error
    return face, {'keypoints': points.round(2).tolist()}


def convert_rafdb(
    sources: Sequence[str],
    out: str,
    *,
    image: str = 'aligned',
    size: int = 224,
    workers: int = 1,
    strict: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Convert RAF-DB to ``out/{train,test}.json`` and ``out/images/``.

    Args:
        sources: Folders or zip files that hold ``EmoLabel/`` and ``Image/``.
        out: Output folder.
        image: ``'aligned'`` takes the owners' 100 x 100 faces as they are; ``'original'`` aligns
            the original images by the manual landmarks and keeps those as keypoints. Defaults to
            'aligned'.
        size: Side of the aligned faces in pixels with ``'original'``. Defaults to 224.
        workers: Number of processes. Defaults to 1.
        strict: Whether the first defect of the source is an error. Defaults to False.
        overwrite: Whether to convert images again that are there. Defaults to False.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If the source cannot be converted, or has a defect under ``strict``.
    """
    if image not in ('aligned', 'original'):
        raise ConversionError(f"image: got {image!r}, expected 'aligned' or 'original'; choose one")
    report = Report(strict)
    source = Source(sources, report)
    labels = read_labels(source, report)
    by_name = {name.rsplit('/', 1)[-1]: member for name, member in source.files.items()}
    jobs = _jobs(labels, by_name, image, size, report)
    done = convert_images(
        jobs,
        len(labels),
        Path(out),
        report,
        workers=workers,
        prepare=align_job if image == 'original' else None,
        options=f'rafdb {image} {size}',
        overwrite=overwrite,
    )
    _note_unlabelled(labels, by_name, image, report)
    targets = {_target(name, image): (name.split('_')[0], label) for name, label in labels.items()}
    metainfo = {'dataset': 'RAF-DB', 'classes': list(CLASSES), 'protocol': image}
    return write_splits(Path(out), split_rows(targets, done), metainfo, PUBLISHED, report)


def _target(name: str, image: str) -> str:
    return f'images/{name}_aligned.jpg' if image == 'aligned' else f'images/{name}.jpg'


def _jobs(
    labels: dict[str, int],
    by_name: dict[str, Member],
    image: str,
    size: int,
    report: Report,
) -> Iterator[ImageJob]:
    for name in labels:
        target = _target(name, image)
        file = target.rsplit('/', 1)[-1]
        if file not in by_name:
            report.skip('missing image', file)
            continue
        info = {}
        if image == 'original':
            points = by_name.get(f'{name}_manu_attri.txt')
            try:
                text = points.read(1 << 16).decode('utf-8-sig') if points else None
            except (MemberError, UnicodeDecodeError):
                text = ''
            info = {'points': text, 'size': size}
        yield ImageJob(target, by_name[file], info)


def _note_unlabelled(
    labels: dict[str, int], by_name: dict[str, Member], image: str, report: Report
) -> None:
    ending = '_aligned.jpg' if image == 'aligned' else '.jpg'
    for name in sorted(by_name):
        stem = name.removesuffix(ending)
        if stem != name and _IMAGE.match(f'{stem}.jpg') and stem not in labels:
            report.skip('missing annotation', name)
