"""Fill an annotation file with the five landmarks of each face."""

import json
import multiprocessing
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from ranfer.datasets.annotation import check_rows, load_annotation, save_annotation
from ranfer.datasets.converters.journal import Journal
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Member, MemberError
from ranfer.datasets.image_file import ImageError, decode_image
from ranfer.landmarks.base import FaceDetector
from ranfer.registry import FACE_DETECTORS

_BATCH = 32


class _Finder:
    """Finds the main face of image files in one process."""

    def __init__(self, config: dict, side: int, border: float) -> None:
        self.detector: FaceDetector = FACE_DETECTORS.build(config)
        self.side = side
        self.border = border

    def __call__(self, paths: Sequence[tuple[str, str]]) -> list[dict]:
        results, images, places = [], [], []
        for target, path in paths:
            entry: dict = {'target': target, 'info': {}}
            results.append(entry)
            try:
                image = decode_image(Member('', path).read())
            except (MemberError, ImageError) as error:
                entry['reason'], entry['detail'] = 'unreadable image', str(error)
                continue
            scaled, place = self._prepare(image)
            images.append(scaled)
            places.append((entry, *place))
        for faces, (entry, scale, margin) in zip(self.detector.detect(images), places):
            index = faces.main()
            if index is not None:
                points = (faces.landmarks[index] - margin) / scale
                entry['info'] = {'keypoints': np.round(points.astype(float), 2).tolist()}
        return results

    def _prepare(self, image: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, int]]:
        """Image as the detector sees it, the scales of x and y and the border in its pixels."""
        factor = self.side / max(image.shape[:2]) if self.side else 1.0
        before = np.array(image.shape[1::-1])
        size = np.maximum(np.rint(before * factor), 1).astype(int)
        if factor != 1:
            kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
            image = cv2.resize(image, size.tolist(), interpolation=kind)
        margin = round(self.border * max(image.shape[:2]))
        if margin:
            image = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_CONSTANT)
        return image, (size / before, margin)


_finder: _Finder


def _start(config: dict, side: int, border: float) -> None:
    global _finder
    cv2.setNumThreads(1)
    import torch

    torch.set_num_threads(1)
    _finder = _Finder(config, side, border)


def _find(paths: Sequence[tuple[str, str]]) -> list[dict]:
    return _finder(paths)


def _run(
    batches: Sequence[list], workers: int, arguments: tuple[dict, int, float]
) -> Iterator[list[dict]]:
    if not batches:
        return
    finder = _Finder(*arguments)  # an error of its config, which a pool would repeat for ever
    workers = min(workers, len(batches))
    if workers <= 1:
        yield from map(finder, batches)
        return
    # Forking a process whose PyTorch has threads may hang, so the workers start afresh.
    with multiprocessing.get_context('spawn').Pool(workers, _start, arguments) as pool:
        yield from pool.imap(_find, batches)


def extract_landmarks(
    ann_file: str,
    root: str | None = None,
    *,
    out: str | None = None,
    detector: dict | None = None,
    side: int = 160,
    border: float = 0.25,
    workers: int = 1,
    strict: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Find the five landmarks of every row that has none and write them into the annotation.

    A row whose face is not found gets landmarks with visibility 0; one whose image cannot be read
    stays as it is, for a later run. Interrupted runs go on where they stopped.

    Args:
        ann_file: Annotation file.
        root: Folder that the image paths are relative to. Defaults to the folder of ``ann_file``.
        out: Annotation file to write. Defaults to ``ann_file``.
        detector: Config of a back end of ``FACE_DETECTORS``. Defaults to ``dict(type='MTCNN')``.
        side: Images are scaled so that the longer side has that many pixels before detection; 0
            leaves them alone. Defaults to 160.
        border: Part of the side that is added as a black border, for detectors want to see more
            than a tight crop. Defaults to 0.25.
        workers: Number of processes. Defaults to 1.
        strict: Whether an unreadable image is an error. Defaults to False.
        overwrite: Whether to find landmarks again that are there. Defaults to False.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If an image is unreadable under ``strict``, none is below ``root``, or
            ``side`` or ``border`` is out of range; the annotation stays as it is then.
        FileNotFoundError: If there is no annotation file.
        ValueError: If it is no annotation file, or a row is wrong.
    """
    if side < 0 or not 0 <= border <= 10:
        raise ConversionError(
            f'side, border: got {side} and {border}, expected a number of pixels from 0 and a part '
            f'of the side in [0, 10]; correct them'
        )
    annotation = load_annotation(ann_file, 'make it with a converter first')
    check_rows(annotation['data_list'], ann_file, None)
    target = Path(out or ann_file)
    folder = Path(root) if root is not None else Path(ann_file).parent
    if not folder.is_dir():
        raise ConversionError(f'root: no folder {str(folder)!r}; give the folder of the images')
    if not any((folder / row['img_path']).is_file() for row in annotation['data_list']):
        raise ConversionError(
            f'root: {str(folder)!r} has none of the images, the first of which is '
            f'{annotation["data_list"][0]["img_path"]!r}; give the folder that img_path is '
            f'relative to as --root'
        )
    config = detector or {'type': 'MTCNN'}
    options = json.dumps([config, side, border], sort_keys=True)
    journal = Journal(target.with_name(f'{target.name}.landmarks.jsonl'), options, overwrite)
    report, rows = Report(strict), annotation['data_list']
    wanted = [row['img_path'] for row in rows if overwrite or not row.get('keypoints')]
    todo = [path for path in dict.fromkeys(wanted) if path not in journal.done]
    batches = [
        [(path, str(folder / path)) for path in todo[start : start + _BATCH]]
        for start in range(0, len(todo), _BATCH)
    ]
    _collect(_run(batches, workers, (config, side, border)), len(todo), journal, report)
    found = _fill(rows, set(wanted), journal.done)
    metainfo = annotation['metainfo']
    if wanted:
        metainfo = {**metainfo, 'landmarks': config['type']}
    save_annotation(target, metainfo, rows)
    journal.path.unlink(missing_ok=True)  # it is of this run alone, images may change
    lines = [f'{config["type"]}: landmarks found in {found} of {len(wanted)} images']
    return [*lines, f'written: {target}', *report.lines()]


def _collect(results: Iterable[list[dict]], count: int, journal: Journal, report: Report) -> None:
    if not count:
        return
    bar = ProgressBar(count, file=sys.stderr)
    for batch in results:
        good = [entry for entry in batch if 'reason' not in entry]
        journal.add(good)
        for entry in batch:
            bar.update()
            if 'reason' in entry:
                report.skip(entry['reason'], f'{entry["target"]} {entry["detail"]}')
    bar.file.write('\n')


def _fill(rows: list[dict], wanted: set[str], done: dict[str, dict]) -> int:
    """Write what was found into the rows; those of unreadable images stay as they are."""
    found = 0
    for row in rows:
        if row['img_path'] not in wanted or row['img_path'] not in done:
            continue
        points = done[row['img_path']].get('keypoints')
        found += points is not None
        row['keypoints'] = points or [[0.0, 0.0]] * 5
        row['keypoints_visible'] = [int(points is not None)] * 5
    return found
