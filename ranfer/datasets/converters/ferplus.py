"""FERPlus from its votes and the FER2013 images, in the csv or the folder form."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ranfer.datasets.converters.images import ImageJob, convert_images
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Source
from ranfer.datasets.converters.write import write_splits
from ranfer.datasets.ferplus import FERPlus
from ranfer.datasets.names import is_safe

CLASSES = FERPlus.METAINFO['classes']
COLUMNS = (*CLASSES, 'unknown', 'NF')
SPLITS = {'Training': 'train', 'PublicTest': 'valid', 'PrivateTest': 'test'}
PROTOCOLS = ('majority', 'argmax', 'probability', 'lists')
PUBLISHED = {
    'majority': {'train': 25060, 'valid': 3199, 'test': 3153},
    'argmax': {},
    'probability': {},
    'lists': {'train': 28236, 'test': 3137},
}
"""Images of each split by protocol; where ties decide the count there is none to compare with."""
SIDE = 48
_CODES = tuple(map(str, range(len(CLASSES))))
_VOTES = re.compile(r'[ \t]*[0-9]{1,6}[ \t]*')


@dataclass(frozen=True)
class VoteRow:
    """One named row of ``fer2013new.csv``: row number from 0, split, image name and votes."""

    row: int
    split: str
    name: str
    votes: tuple[int, ...]


def vote_labels(votes: np.ndarray, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and label distributions from votes.

    - ``majority``: single votes are outliers and set to 0; an image is kept when one of the 8
      expressions alone has more than half of what is left.
    - ``argmax``: the largest of the 10 columns, the first one at a tie; dropped when that is
      ``unknown`` or ``NF``.
    - ``probability``: single votes are set to 0; an image is kept when the 8 expressions together
      have more than half of what is left, and its label is the largest of them.

    The distribution is that of the votes for the 8 expressions without single votes; where nothing
    is left it is that of all votes for them.

    Args:
        votes: Votes in the order of :data:`COLUMNS`, shape ``(N, 10)``, integers.
        protocol: One of the three.

    Returns:
        tuple[np.ndarray, np.ndarray]: Labels, int64, shape ``(N,)``, -1 where the protocol drops
        the image; distributions, float64, shape ``(N, 8)``, zero where no expression has a vote.
    """
    cleaned = np.where(votes <= 1, 0, votes)
    expressions = cleaned[:, :8]
    if protocol == 'majority':
        labels = expressions.argmax(1)
        keep = 2 * expressions.max(1) > cleaned.sum(1)
    elif protocol == 'argmax':
        labels = votes.argmax(1)
        keep = labels < 8
    else:
        labels = expressions.argmax(1)
        keep = 2 * expressions.sum(1) > cleaned.sum(1)
    base = np.where(expressions.sum(1, keepdims=True) > 0, expressions, votes[:, :8])
    scores = base / np.maximum(base.sum(1, keepdims=True), 1)
    return np.where(keep, labels, -1).astype(np.int64), scores


def read_votes(source: Source, report: Report) -> tuple[list[VoteRow], int]:
    """Rows of ``fer2013new.csv`` that have an image name, and the number of all rows.

    Args:
        source: Holds the file.
        report: Takes rows that are wrong.

    Returns:
        tuple[list[VoteRow], int]: Named rows in order and the number of rows.

    Raises:
        ConversionError: If the file or a column is missing.
    """
    name = source.require('fer2013new.csv')
    table = source.rows(name)
    header = [field.strip() for field in next(table, ())]
    missing = [c for c in ('Usage', 'Image name', *COLUMNS) if c not in header]
    if missing:
        raise ConversionError(
            f'source: {name} has no column {missing[0]!r}, expected Usage, Image name and '
            f'{len(COLUMNS)} vote columns; take fer2013new.csv of the FERPlus repository'
        )
    rows, total = [], 0
    for total, fields in enumerate(filter(None, table), 1):
        row = dict(zip(header, fields))
        image = row.get('Image name', '').strip()
        if not image:
            report.note('rows removed by FERPlus (no image name)')
            continue
        place = f'{name} row {total} ({image})'
        if not is_safe(image) or '/' in image or '\\' in image:
            report.skip('name outside the root', place)
        elif row.get('Usage') not in SPLITS:
            report.skip('unknown split', f'{place}: {row.get("Usage")!r}')
        elif not all(_VOTES.fullmatch(row.get(c, '')) for c in COLUMNS):
            report.skip('wrong votes', place)
        else:
            votes = tuple(int(row[c]) for c in COLUMNS)
            rows.append(VoteRow(total - 1, SPLITS[row['Usage']], image, votes))
    if not rows:
        raise ConversionError(f'source: {name} has no row with an image; download it again')
    return rows, total


def read_label_lists(source: Source, images: str, labels: str | None) -> dict[str, int]:
    """Labels from list files in the form of the RAN authors.

    Args:
        source: Holds the files.
        images: List with lines such as ``7/fer0032220 6``: label, image and number of crops.
        labels: List with one label a line, in the same order. None takes the label before the
            slash.

    Returns:
        dict[str, int]: Image name without suffix -> label, repeated names once.

    Raises:
        ConversionError: If a line has another form, or the two files differ in length.
    """
    lines = [line.split(None, 2) for line in source.lines(images) if line.strip()]
    codes = None
    if labels is not None:
        codes = [line.split(None, 1) for line in source.lines(labels) if line.strip()]
        if len(codes) != len(lines):
            raise ConversionError(
                f'lists: {labels} has {len(codes)} lines and {images} has {len(lines)}, expected '
                f'one label for each image; give the pair of files that belong together'
            )
    found: dict[str, int] = {}
    for number, columns in enumerate(lines, 1):
        folder, _, image = columns[0].rpartition('/')
        code = folder if codes is None else codes[number - 1][0]
        if code not in _CODES or not image:
            raise ConversionError(
                f'lists: line {number} of {images} is {" ".join(columns)!r} with label {code!r}, '
                f"expected 'label/image crops' with a label of 0 to 7; correct the list"
            )
        found.setdefault(image.rsplit('.', 1)[0], int(code))
    return found


def convert_ferplus(
    sources: Sequence[str],
    out: str,
    *,
    protocol: str = 'majority',
    lists: dict[str, tuple[str, str | None]] | None = None,
    workers: int = 1,
    strict: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Convert FERPlus to ``out/{train,valid,test}.json`` and ``out/images/<split>/``.

    Every row holds the label of the protocol and the vote distribution ``gt_score``.

    Args:
        sources: Folders, zip files or csv files that together hold ``fer2013new.csv`` and either
            the images (``FER2013Train/fer0000000.png``) or ``fer2013.csv``/``icml_face_data.csv``.
        out: Output folder.
        protocol: ``'majority'``, ``'argmax'``, ``'probability'`` (:func:`vote_labels`) or
            ``'lists'``. Defaults to 'majority'.
        lists: For ``'lists'``: split -> (image list, label list or None). Defaults to None.
        workers: Number of processes. Defaults to 1.
        strict: Whether the first defect of the source is an error. Defaults to False.
        overwrite: Whether to write images again that are there. Defaults to False.

    Returns:
        list[str]: Lines of the report: table of splits and classes, notes, skipped items. The whole
        report is in ``out/report.json``.

    Raises:
        ConversionError: If the source cannot be converted, or has a defect under ``strict``.
    """
    if protocol not in PROTOCOLS:
        raise ConversionError(f'protocol: got {protocol!r}, expected one of {", ".join(PROTOCOLS)}')
    if (protocol == 'lists') != bool(lists):
        raise ConversionError(
            f'lists: got {lists!r} with protocol {protocol!r}, expected list files with protocol '
            f"'lists' and only there; give both or neither"
        )
    report = Report(strict)
    extra = [file for pair in (lists or {}).values() for file in pair if file]
    if len({Path(file).name for file in extra}) < len({Path(file) for file in extra}):
        raise ConversionError(f'lists: two of {extra} have the same file name; rename one')
    source = Source([*sources, *extra], report)
    rows, total = read_votes(source, report)
    repeated = len(rows) - len({row.name for row in rows})
    if repeated:
        report.note('rows that repeat an image name (kept, as in the published counts)', repeated)
    if lists:
        rows, labels, scores = _label_by_lists(rows, lists, source, report)
    else:
        labels, scores = _label_by_votes(rows, protocol, report)
    wanted = [(row, i) for i, row in enumerate(rows) if labels[i] >= 0]
    done = _convert_images(source, [r for r, _ in wanted], total, out, report, workers, overwrite)
    published = {s: n for s, n in PUBLISHED[protocol].items() if not lists or s in lists}
    metainfo = {'dataset': 'FERPlus', 'classes': list(CLASSES), 'protocol': protocol}
    splits = _splits(wanted, labels, scores, done)
    return write_splits(Path(out), splits, metainfo, published, report)


def _target(row: VoteRow) -> str:
    return f'images/{row.split}/{row.name}'


def _label_by_votes(
    rows: list[VoteRow], protocol: str, report: Report
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, -1 for a row that is left out, and distributions; see :func:`vote_labels`."""
    labels, scores = vote_labels(np.asarray([row.votes for row in rows]), protocol)
    labels[scores.sum(1) == 0] = -1
    report.note(f'rows dropped by the protocol {protocol}', int((labels < 0).sum()))
    return labels, scores


def _label_by_lists(
    rows: list[VoteRow],
    lists: dict[str, tuple[str, str | None]],
    source: Source,
    report: Report,
) -> tuple[list[VoteRow], np.ndarray, np.ndarray]:
    """Rows in the splits of the lists, their labels, -1 for a row that is left out, and scores."""
    by_votes, scores = vote_labels(np.asarray([row.votes for row in rows]), 'argmax')
    rows, labels = list(rows), np.full_like(by_votes, -1)
    index = {row.name.rsplit('.', 1)[0]: i for i, row in reversed(list(enumerate(rows)))}
    for split, (images, codes) in lists.items():
        listed = read_label_lists(source, Path(images).name, codes and Path(codes).name)
        for name, label in listed.items():
            if name not in index:
                report.skip('missing annotation', f'{name} of {images}')
                continue
            i = index[name]
            if labels[i] >= 0:
                report.note('images that the lists of two splits name (kept in the later)')
            rows[i] = replace(rows[i], split=split)
            labels[i] = label
    kept = labels >= 0
    scores[scores.sum(1) == 0] = 1 / len(CLASSES)
    report.note('listed labels that are the largest vote', int((labels == by_votes)[kept].sum()))
    return rows, labels, scores


def _convert_images(
    source: Source,
    rows: list[VoteRow],
    total: int,
    out: str,
    report: Report,
    workers: int,
    overwrite: bool,
) -> set[str]:
    pixels = source.find('fer2013.csv') or source.find('icml_face_data.csv')
    unique = {row.name: row for row in reversed(rows)}
    images = defaultdict(list)
    for name, member in source.files.items():
        image = name.rsplit('/', 1)[-1]
        # The FERPlus repository holds other pictures too.
        if image in unique and image.lower().endswith('.png'):
            images[image].append(member)
    if pixels is None and not images:
        raise ConversionError(
            f'source: neither fer2013.csv, icml_face_data.csv nor PNG images that fer2013new.csv '
            f'names in {source}; give the FER2013 csv file or the folders FER2013Train, '
            f'FER2013Valid and FER2013Test'
        )
    if images:
        jobs: Iterator[ImageJob] = _folder_jobs(unique, images, report)
    else:
        jobs = _csv_jobs(unique, source, str(pixels), total, report)
    count = len(unique)
    return set(
        convert_images(
            jobs, count, Path(out), report, workers=workers, options='ferplus', overwrite=overwrite
        )
    )


def _folder_jobs(
    rows: dict[str, VoteRow], images: dict[str, list], report: Report
) -> Iterator[ImageJob]:
    for name, row in sorted(rows.items()):
        found = images.get(name)
        if not found:
            report.skip('missing image', name)
            continue
        if len(found) > 1:
            report.note('images found several times in the source (first one taken)')
        yield ImageJob(_target(row), found[0])


def _csv_jobs(
    rows: dict[str, VoteRow], source: Source, name: str, total: int, report: Report
) -> Iterator[ImageJob]:
    table = source.rows(name)
    header = [field.strip() for field in next(table, [])]
    if 'pixels' not in header:
        raise ConversionError(
            f"source: {name} has no column 'pixels', expected emotion, pixels, Usage; take the csv "
            f'file of the FER2013 challenge'
        )
    column, by_row = header.index('pixels'), {row.row: row for row in rows.values()}
    number = -1
    for number, fields in enumerate(filter(None, table)):
        row = by_row.get(number)
        if row is None:
            continue
        text = fields[column] if column < len(fields) else ''
        image = _parse_pixels(text)
        if image is None:
            report.skip('unreadable image', f'{name} row {number + 1} ({row.name})')
        else:
            yield ImageJob(_target(row), image)
    if number + 1 != total:
        raise ConversionError(
            f'source: {name} has {number + 1} rows and fer2013new.csv has {total}, expected the '
            f'same rows in the same order; give the unchanged pair of files'
        )


def _parse_pixels(text: str) -> np.ndarray | None:
    """Grey image of shape (48, 48) from blank-separated values, None if they are not 48 x 48."""
    try:
        values = np.asarray(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _splits(
    wanted: list[tuple[VoteRow, int]], labels: np.ndarray, scores: np.ndarray, done: set[str]
) -> dict[str, list[dict]]:
    """Rows of the annotation by split, of the images that were written."""
    splits: dict[str, list[dict]] = {}
    for row, i in wanted:
        if _target(row) in done:
            splits.setdefault(row.split, []).append(
                {
                    'img_path': _target(row),
                    'gt_label': int(labels[i]),
                    'gt_score': [round(float(score), 6) for score in scores[i]],
                }
            )
    return splits
