"""Write SynthFER to disk: six parts from one seed, in chunks that are finished or not there."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from ranfer.datasets.annotation import save_annotation

from .action_units import ACTION_UNITS, CLASSES
from .identity import Identity, sample_identity
from .occluders import OPAQUE, Occluder, sample_occluder
from .render import FaceTruth, SynthFace, render_face, sample_face

VERSION = 3
"""Raise it when the same parameters give other pictures or truth, so that caches are made anew."""

CHUNK = 250
IMAGES_PER_IDENTITY = 10
OCCLUSION_RATE, GLASSES_RATE = 0.12, 0.12

PARTS = ('train', 'val', 'test', 'occlusion', 'pose30', 'pose45')
"""Parts of the data set; the last four together are the annotation file ``test.json``."""

SPLITS = {'train': PARTS[:1], 'val': PARTS[1:2], 'test': PARTS[2:]}
"""Annotation files and the parts they hold."""

FORMATS = ('jpg', 'png')

_START = 'fork' if sys.platform == 'linux' else 'spawn'


@dataclass(frozen=True)
class Parameters:
    """What decides the data set.

    Attributes:
        train, val, test: Images of the natural mix; ``test`` images carry the condition 'natural'.
        occlusion: Further test images with one half of the face hidden.
        pose30, pose45: Further test images with a yaw beyond 30 and 45 degrees, up to 65.
        size: Side of the images in pixels.
        seed: Seed of everything.
        suffix: 'jpg' or 'png'.

    Raises:
        ValueError: If a number is negative, ``size`` below 32 or the suffix unknown.
    """

    train: int = 6000
    val: int = 600
    test: int = 1000
    occlusion: int = 1000
    pose30: int = 600
    pose45: int = 600
    size: int = 128
    seed: int = 0
    suffix: str = 'jpg'

    def __post_init__(self):
        for key, least in {**dict.fromkeys((*PARTS, 'seed'), 0), 'size': 32}.items():
            value = getattr(self, key)
            if not isinstance(value, int) or value < least:
                raise ValueError(f'{key}={value!r}: use a whole number of at least {least}.')
        if self.suffix not in FORMATS:
            raise ValueError(f'suffix={self.suffix!r} is unknown: use one of {FORMATS}.')


def sample_part_face(part: str, index: int, seed: int) -> tuple[SynthFace, int]:
    """Specification and identity number of one image of a part.

    Args:
        part: One of :data:`PARTS`.
        index: Number of the image in its part.
        seed: Seed of the data set.

    Returns:
        tuple: The face, and the number of its identity, unique over all parts.
    """
    stream = PARTS.index(part)
    person = index // IMAGES_PER_IDENTITY
    identity = _identity(seed, stream, person)
    rng = np.random.default_rng([seed, stream, 1, index])
    yaw = _sample_yaw(part, rng)
    face = sample_face(
        rng,
        CLASSES[index % len(CLASSES)],
        identity=identity,
        yaw=yaw,
        occluders=_sample_occluders(part, rng),
    )
    return face, stream * 1_000_000 + person


@lru_cache(maxsize=8)
def _identity(seed: int, stream: int, person: int) -> Identity:
    return sample_identity(np.random.default_rng([seed, stream, 0, person]))


def _sample_yaw(part: str, rng: np.random.Generator) -> float | None:
    if part == 'occlusion':
        return float(np.clip(rng.normal(0, 14), -29, 29))
    if part in ('pose30', 'pose45'):
        least = 30.5 if part == 'pose30' else 45.5
        return float(rng.uniform(least, 65) * rng.choice((-1, 1)))
    return None


def _sample_occluders(part: str, rng: np.random.Generator) -> tuple[Occluder, ...]:
    hidden, glasses = rng.random(2)
    occluder = sample_occluder(rng)
    frame = Occluder('glasses', 'upper', int(rng.integers(1 << 31)))
    occluded = part == 'occlusion' or (not part.startswith('pose') and hidden < OCCLUSION_RATE)
    found = []
    if glasses < GLASSES_RATE and not (occluded and occluder.kind == 'sunglasses'):
        found.append(frame)
    if occluded:
        found.append(occluder)
    return tuple(found)


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
        splits: Annotation files to make, keys of :data:`SPLITS`.
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
