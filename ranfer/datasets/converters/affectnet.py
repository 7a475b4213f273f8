"""AffectNet from its older release (csv files) or its newer one (npy files)."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ranfer.datasets.affectnet import AffectNet
from ranfer.datasets.annotation import MAX_COORDINATE
from ranfer.datasets.converters.images import ImageJob, SkipImage, convert_images
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Member, Source
from ranfer.datasets.converters.write import split_rows, write_splits
from ranfer.datasets.names import is_safe
from ranfer.landmarks.align import align_face, crop_face, move_points
from ranfer.landmarks.points import to_five_points

CLASSES = AffectNet.METAINFO['classes']
PUBLISHED = {'train': 287651, 'valid': 4000}
FACES = ('box', 'align', 'whole')
_FIELDS = (
    'subDirectory_filePath',
    'face_x',
    'face_y',
    'face_width',
    'face_height',
    'facial_landmarks',
    'expression',
    'valence',
    'arousal',
)
_LAST_CODE = 10
_NPY = re.compile(r'(?:^|/)(train|val)_set/images/(\d+)\.(?:jpg|png)$')


def face_job(image: np.ndarray, info: dict) -> tuple[np.ndarray, dict]:
    """Cut out the face by box or landmarks; a ``prepare`` function.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        info: ``faces`` (one of :data:`FACES`), ``size``, and ``box`` (xyxy) and ``points``
            (``(68, 2)``), either of which may be None.

    Returns:
        tuple[np.ndarray, dict]: Face and, if the landmarks are known, its ``keypoints``.

    Raises:
        SkipImage: If the box or the landmarks are needed and unusable.
    """
    points = info['points']
    five = None if points is None else to_five_points(np.asarray(points))
    moved: np.ndarray | None
    try:
        if info['faces'] == 'align':
            if five is None:
                raise SkipImage('missing landmarks')
            face, moved = align_face(image, five, info['size'])
        else:
            face, matrix = crop_face(image, _box(image, info), info['size'])
            moved = None if five is None else move_points(five, matrix)
    except ValueError as error:
        kind = 'wrong landmarks' if info['faces'] == 'align' else 'wrong box'
        raise SkipImage(kind) from error
    if moved is not None and not (abs(moved) <= MAX_COORDINATE).all():
        raise SkipImage('wrong landmarks')
    return face, {} if moved is None else {'keypoints': moved.round(2).tolist()}


def _box(image: np.ndarray, info: dict) -> np.ndarray:
    """Box of the face, or with ``'whole'`` that of the image."""
    height, width = image.shape[:2]
    if info['faces'] == 'whole':
        return np.array([0, 0, width, height])
    if info['box'] is None:
        raise SkipImage('wrong box')
    if not _is_seen(info['box'], width, height):
        raise SkipImage('wrong box', f'{np.round(info["box"], 1).tolist()}')
    return np.array(info['box'])


def _is_seen(box: Sequence[float], width: int, height: int) -> bool:
    """Whether at least 2 x 2 pixels and a tenth of a box lie in the image."""
    x1, y1, x2, y2 = box
    seen_x, seen_y = min(x2, width) - max(x1, 0), min(y2, height) - max(y1, 0)
    return min(seen_x, seen_y) >= 2 and seen_x * seen_y >= 0.1 * (x2 - x1) * (y2 - y1)


def convert_affectnet(
    sources: Sequence[str],
    out: str,
    *,
    faces: str | None = None,
    size: int = 224,
    workers: int = 1,
    strict: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Convert AffectNet to ``out/{train,valid}.json`` and ``out/images/``, with 8 classes.

    ``ranfer.AffectNet(num_classes=7)`` reads the same files. Images labelled None, Uncertain or
    No-Face are dropped.

    Args:
        sources: Folders or zip files with ``training.csv``, ``validation.csv`` and
            ``Manually_Annotated_Images/``, or with ``train_set/`` and ``val_set/``.
        out: Output folder.
        faces: ``'box'`` (square around the owners' face box, as in the paper), ``'align'`` (by the
            owners' 68 landmarks) or ``'whole'`` (the image scaled to a square). Defaults to 'box'
            for the csv release and 'whole' for the npy release, whose images are faces.
        size: Side of the faces in pixels. Defaults to 224.
        workers: Number of processes. Defaults to 1.
        strict: Whether the first defect of the source is an error. Defaults to False.
        overwrite: Whether to convert images again that are there. Defaults to False.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If the source cannot be converted, or has a defect under ``strict``.
    """
    report = Report(strict)
    source = Source(sources, report)
    files = {'train': 'training.csv', 'valid': 'validation.csv'}
    tables = {split: name for split, file in files.items() if (name := source.find(file))}
    npy = not tables
    faces = faces or ('whole' if npy else 'box')
    if faces not in FACES or (npy and faces == 'box'):
        raise ConversionError(
            f'faces: got {faces!r}, expected {"whole or align" if npy else ", ".join(FACES)} for '
            f'this release of AffectNet; choose one of them'
        )
    if npy:
        rows = _npy_rows(source, report)
    else:
        rows = (
            row for split, name in tables.items() for row in _csv_rows(source, name, split, report)
        )
    labels: dict[str, tuple[str, int]] = {}
    done = convert_images(
        _jobs(rows, labels, faces, size, report),
        _count(source, tables),
        Path(out),
        report,
        workers=workers,
        prepare=face_job,
        options=f'affectnet {faces} {size}',
        overwrite=overwrite,
    )
    metainfo = {'dataset': 'AffectNet', 'classes': list(CLASSES), 'protocol': f'8 classes, {faces}'}
    return write_splits(Path(out), split_rows(labels, done), metainfo, PUBLISHED, report)


def _count(source: Source, tables: dict[str, str]) -> int:
    if tables:
        return sum(1 for name in tables.values() for _ in source.lines(name))
    return sum(bool(_NPY.search(name)) for name in source.files)


Row = tuple[str, str, int, Member, dict]
"""Split, target, label, image, and box and points for :func:`face_job`."""


def _jobs(
    rows: Iterator[Row],
    labels: dict[str, tuple[str, int]],
    faces: str,
    size: int,
    report: Report,
) -> Iterator[ImageJob]:
    for split, target, label, member, info in rows:
        if target in labels:
            report.skip('duplicate', target)
            continue
        labels[target] = (split, label)
        yield ImageJob(target, member, {**info, 'faces': faces, 'size': size})


def _label(text: str, place: str, report: Report) -> int | None:
    """Class index, or None for a row that is left out."""
    try:
        code = int(text)
    except ValueError:
        code = -1
    if not 0 <= code <= _LAST_CODE:
        report.skip('unknown label', f'{place}: {text[:20]!r}')
        return None
    if code >= len(CLASSES):
        report.note('rows labelled None, Uncertain or No-Face (dropped)')
        return None
    return code


def _csv_rows(source: Source, table: str, split: str, report: Report) -> Iterator[Row]:
    images = {}
    for name, member in source.files.items():
        parts = name.split('/')
        if len(parts) >= 2:
            images['/'.join(parts[-2:])] = member
    for number, fields in enumerate(source.rows(table), 1):
        if not fields or fields[0].strip() == _FIELDS[0]:
            continue
        place = f'{table} row {number}'
        if len(fields) < len(_FIELDS):
            report.skip('unknown line', place)
            continue
        row = dict(zip(_FIELDS, (field.strip() for field in fields)))
        path = row[_FIELDS[0]]
        if not is_safe(path):
            report.skip('name outside the root', f'{place}: {path[:80]!r}')
            continue
        label = _label(row['expression'], place, report)
        if label is None:
            continue
        if path not in images:
            report.skip('missing image', f'{path} ({place})')
            continue
        info = {'box': _parse_box(row), 'points': _parse_points(row['facial_landmarks'])}
        target = f'images/{split}/{path.rsplit(".", 1)[0]}.jpg'
        yield split, target, label, images[path], info


def _parse_box(row: dict[str, str]) -> list[float] | None:
    try:
        x, y, width, height = (
            float(row[key]) for key in ('face_x', 'face_y', 'face_width', 'face_height')
        )
    except ValueError:
        return None
    return [x, y, x + width, y + height]


def _parse_points(text: str) -> list[list[float]] | None:
    """68 points of ``x;y;x;y;...``, or None."""
    try:
        values = np.asarray(text.split(';'), dtype=np.float64)
    except ValueError:
        return None
    if values.size != 136 or not np.isfinite(values).all():
        return None
    return values.reshape(68, 2).tolist()


def _npy_rows(source: Source, report: Report) -> Iterator[Row]:
    found = []
    for name in source.files:
        match = _NPY.search(name)
        if match:
            found.append((match[1], int(match[2]), name))
    if not found:
        raise ConversionError(
            f'source: neither training.csv, validation.csv nor train_set/images in {source}; give '
            f"the folder or archive of one of AffectNet's releases"
        )
    for folder, number, name in sorted(found):
        base = f'{name.rsplit("/", 2)[0]}/annotations/{number}'
        code = _load_npy(source, f'{base}_exp.npy')
        if code is None or code.size != 1:
            report.skip('missing annotation', f'{base}_exp.npy')
            continue
        label = _label(str(code.reshape(-1)[0]), f'{base}_exp.npy', report)
        if label is None:
            continue
        points = _load_npy(source, f'{base}_lnd.npy')
        try:
            values = None if points is None else points.astype(np.float64).reshape(68, 2).tolist()
        except ValueError:
            values = None
        split = 'train' if folder == 'train' else 'valid'
        info = {'box': None, 'points': values}
        yield split, f'images/{split}/{number}.jpg', label, source.files[name], info


def _load_npy(source: Source, name: str) -> np.ndarray | None:
    """Array of a npy file without pickled objects, None if it is missing or broken."""
    member = source.files.get(name)
    if member is None:
        return None
    try:
        return np.lib.format.read_array(io.BytesIO(member.read(1 << 20)), allow_pickle=False)
    except Exception:  # NumPy lets through whatever Python's tokenizer and parser raise
        return None
