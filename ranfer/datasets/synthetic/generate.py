"""Write SynthFER to disk, in chunks that are finished or not there."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from ranfer.datasets.annotation import save_annotation

from .action_units import ACTION_UNITS, CLASSES
from .occluders import OPAQUE
from .parts import SPLITS, Parameters, sample_part_face
from .render import FaceTruth, SynthFace, render_face

VERSION = 3
"""Raise it when the same parameters give other pictures or truth, so that caches are made anew."""

CHUNK = 250
_START = 'fork' if sys.platform == 'linux' else 'spawn'


def _row(part: str, path: str, face: SynthFace, truth: FaceTruth, identity: int) -> dict:
    conditions = ['natural'] if part == 'test' else []
    opaque = [item for item in face.occluders if item.kind in OPAQUE]
    shown = next(iter(opaque or face.occluders), None)
    if opaque:
        conditions.append('occlusion')
    conditions += [f'pose{angle}' for angle in (30, 45) if abs(truth.yaw) > angle]
    strengths = truth.action_units.mean(1)
    return {
        'img_path': path,
        'gt_label': truth.label,
        'keypoints': np.round(truth.keypoints.astype(float), 2).tolist(),
        'keypoints_visible': truth.keypoints_visible.tolist(),
        'conditions': conditions,
        'yaw': round(truth.yaw, 2),
        'pitch': round(truth.pitch, 2),
        'roll': round(truth.roll, 2),
        'occluder': shown.kind if shown else None,
        'occluder_half': shown.half if shown else None,
        'occluder_box': truth.occluder_box,
        'action_units': {
            str(unit): round(float(value), 3)
            for unit, value in zip(ACTION_UNITS, strengths)
            if value > 0
        },
        'identity': identity,
    }


@dataclass(frozen=True)
class _Chunk:
    """Consecutive images of a part."""

    part: str
    start: int
    stop: int
    size: int
    seed: int
    suffix: str
    version: int = VERSION

    @property
    def folder(self) -> str:
        return f'images/{self.part}/{self.start // CHUNK:04d}'


def _chunks(parameters: Parameters, parts: tuple[str, ...]) -> Iterator[_Chunk]:
    for part in parts:
        count = getattr(parameters, part)
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            yield _Chunk(part, start, stop, parameters.size, parameters.seed, parameters.suffix)


def _read_chunk(out: Path, chunk: _Chunk) -> list[dict] | None:
    """Rows of a finished chunk, or None if it is missing or was made with other parameters."""
    try:
        saved = json.loads((out / chunk.folder / 'rows.json').read_text(encoding='utf-8'))
    except (FileNotFoundError, ValueError):
        return None
    return saved['rows'] if saved['parameters'] == asdict(chunk) else None


def _write_chunk(out: Path, chunk: _Chunk) -> int:
    """Render a chunk beside its place and move it there; returns the number of images."""
    cv2.setNumThreads(1)
    target = out / chunk.folder
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f'.{target.name}.', dir=target.parent))
    try:
        rows = []
        for index in range(chunk.start, chunk.stop):
            face, identity = sample_part_face(chunk.part, index, chunk.seed)
            image, truth = render_face(face, chunk.size)
            name = f'{index:06d}.{chunk.suffix}'
            _write_image(part / name, image)
            rows.append(_row(chunk.part, f'{chunk.folder}/{name}', face, truth, identity))
        text = json.dumps({'parameters': asdict(chunk), 'rows': rows}, separators=(',', ':'))
        (part / 'rows.json').write_text(text, encoding='utf-8')
        part.chmod(0o755)
        _move_folder(part, target, out, chunk)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return chunk.stop - chunk.start


def _write_image(path: Path, image: np.ndarray) -> None:
    flags = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == '.jpg' else []
    _, code = cv2.imencode(path.suffix, image, flags)
    path.write_bytes(code.tobytes())


def _move_folder(part: Path, target: Path, out: Path, chunk: _Chunk) -> None:
    """Put a finished folder in place, unless another process was faster."""
    if target.exists() and _read_chunk(out, chunk) is None:
        shutil.rmtree(target, ignore_errors=True)
    try:
        os.rename(part, target)
    except OSError:
        if _read_chunk(out, chunk) is None:
            raise


def _render_chunks(out: Path, chunks: list[_Chunk], workers: int, progress: bool) -> None:
    bar = ProgressBar(sum(chunk.stop - chunk.start for chunk in chunks)) if progress else None
    for count in _counts(out, chunks, workers):
        if bar:
            bar.update(count)
    if bar:
        bar.file.write('\n')


def _counts(out: Path, chunks: list[_Chunk], workers: int) -> Iterator[int]:
    """Render chunks; numbers of images as they are done."""
    if workers <= 1:
        yield from (_write_chunk(out, chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context(_START)) as pool:
        for job in as_completed([pool.submit(_write_chunk, out, chunk) for chunk in chunks]):
            yield job.result()


def _metainfo(split: str, parameters: Parameters) -> dict:
    keys = (*SPLITS[split], 'size', 'seed', 'suffix')
    return {
        'dataset': 'SynthFER',
        'classes': list(CLASSES),
        'split': split,
        'parameters': {'version': VERSION, **{key: getattr(parameters, key) for key in keys}},
    }


def _is_finished(out: Path, parameters: Parameters, metainfo: dict) -> bool:
    """Whether the annotation file, as its first line tells, and the images are there.

    The file may have been given more since, such as landmarks of a detector.
    """
    split = metainfo['split']
    try:
        with (out / f'{split}.json').open(encoding='utf-8') as file:
            found = json.loads(file.readline().rstrip().rstrip(',') + '}')['metainfo']
        same = all(found.get(key) == value for key, value in metainfo.items())
    except (FileNotFoundError, ValueError, LookupError, AttributeError, TypeError):
        return False
    return same and all(
        (out / chunk.folder / 'rows.json').is_file() for chunk in _chunks(parameters, SPLITS[split])
    )


def generate_synthfer(
    out: str | os.PathLike,
    parameters: Parameters | None = None,
    *,
    splits: tuple[str, ...] = tuple(SPLITS),
    workers: int = 1,
    progress: bool = True,
) -> list[str]:
    """Write images and annotation files ``<split>.json``.

    What an earlier run finished with the same parameters is left alone, so a stopped run goes on
    where it was. Files get their names when they are complete; several processes may write to the
    same folder.

    Args:
        out: Folder of the data set.
        parameters: Sizes and seed. Defaults to ``Parameters()``.
        splits: Annotation files to make, keys of :data:`.parts.SPLITS`.
        workers: Number of processes.
        progress: Whether to show a progress bar.

    Returns:
        list[str]: Splits that were written; empty if all were there.

    Raises:
        ValueError: If a split has no images.
    """
    out, parameters = Path(out), parameters or Parameters()
    metainfos = {split: _metainfo(split, parameters) for split in splits}
    missing = [name for name in splits if not _is_finished(out, parameters, metainfos[name])]
    for split in missing:
        if not any(getattr(parameters, part) for part in SPLITS[split]):
            raise ValueError(
                f'{split}=0: the split would be empty; ask for at least one image of '
                f'{" or ".join(SPLITS[split])}.'
            )
    chunks = {split: list(_chunks(parameters, SPLITS[split])) for split in missing}
    todo = [
        chunk for group in chunks.values() for chunk in group if _read_chunk(out, chunk) is None
    ]
    if todo:
        _render_chunks(out, todo, workers, progress)
    for split, group in chunks.items():
        rows = [row for chunk in group for row in _read_chunk(out, chunk)]  # type: ignore[union-attr]
        save_annotation(out / f'{split}.json', metainfos[split], rows)
    return missing
