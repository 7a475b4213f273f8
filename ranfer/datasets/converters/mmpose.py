"""An annotation file with landmarks as a keypoint data set for mmpose (COCO's form)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ranfer.datasets.annotation import load_rows
from ranfer.datasets.converters.report import Report
from ranfer.datasets.image_file import FORMATS

POINTS = ('left_eye', 'right_eye', 'nose', 'left_mouth', 'right_mouth')
_ORIENTATION, _LYING = 0x112, (5, 6, 7, 8)
"""EXIF's tag, and its values for an image that is turned by a quarter when it is shown."""
_CATEGORY = {'id': 1, 'name': 'face', 'keypoints': list(POINTS), 'skeleton': []}


def annotation_to_mmpose(
    ann_file: str,
    out: str,
    *,
    root: str | None = None,
    limit: int | None = None,
    strict: bool = False,
) -> list[str]:
    """Write the landmarks of an annotation file as JSON that mmpose's ``CocoDataset`` reads.

    Each image is one face with five points. Its box is the ``bbox`` of the row or else the whole
    image. A point that is not visible gets visibility 0, which mmpose leaves out of loss and
    metric. mmpose counts from the middle of the first pixel, so half a pixel is taken off.

    Args:
        ann_file: Annotation file with ``keypoints``.
        out: JSON file to write. Paths of images stay relative to ``root``.
        root: Folder of the images. Defaults to the folder of ``ann_file``.
        limit: Number of rows to take, evenly spread over the file. Defaults to None, all.
        strict: Whether an unreadable image or a row without landmarks is an error. Defaults to
            False: both are left out and counted.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If a row cannot be used under ``strict``.
        FileNotFoundError: If there is no annotation file.
        ValueError: If it is no annotation file, ``limit`` is not positive or no row can be used.
    """
    rows = load_rows(ann_file, 'make it with a converter first')
    folder = Path(root) if root is not None else Path(ann_file).parent
    report = Report(strict)
    images: list[dict] = []
    faces: list[dict] = []
    for row in _spread(rows, limit):
        path = row['img_path']
        if not row.get('keypoints'):
            report.skip('no landmarks', path)
            continue
        try:
            with Image.open(folder / path, formats=FORMATS) as image:
                width, height = image.size
                if image.getexif().get(_ORIENTATION) in _LYING:
                    width, height = height, width
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            report.skip('unreadable image', f'{path} {error}')
            continue
        number = len(images) + 1
        images.append({'id': number, 'file_name': path, 'width': width, 'height': height})
        faces.append(_face(row, number, width, height))
    if not faces:
        raise ValueError(
            f'ann_file: no row of {ann_file!r} has landmarks and a readable image; '
            f'fill it with extract_landmarks.py and give the folder of the images with --root'
        )
    content = {'images': images, 'annotations': faces, 'categories': [_CATEGORY]}
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content), encoding='utf-8')
    return [f'{len(faces)} faces written: {target}', *report.lines()]


def _spread(rows: Sequence[dict], limit: int | None) -> Sequence[dict]:
    if limit is None or limit >= len(rows):
        return rows
    if limit < 1:
        raise ValueError(f'limit: got {limit}, expected at least 1; give the number of faces')
    return [rows[i] for i in np.linspace(0, len(rows) - 1, limit).round().astype(int)]


def _face(row: dict, number: int, width: int, height: int) -> dict:
    x1, y1, x2, y2 = row.get('bbox') or (0, 0, width, height)
    visible = row.get('keypoints_visible') or [1] * len(POINTS)
    points = [
        value
        for (x, y), seen in zip(row['keypoints'], visible)
        for value in (round(x - 0.5, 2), round(y - 0.5, 2), 2 * bool(seen))
    ]
    return {
        'id': number,
        'image_id': number,
        'category_id': 1,
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
        'iscrowd': 0,
        'keypoints': points,
        'num_keypoints': sum(map(bool, visible)),
    }
