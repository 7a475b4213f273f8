"""SFEW 2.0 from film frames (faces are detected and aligned) or from the aligned faces."""

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ranfer.datasets.converters.images import ImageJob, SkipImage, convert_images
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Member, Source
from ranfer.datasets.converters.write import split_rows, write_splits
from ranfer.datasets.sfew import SFEW
from ranfer.landmarks.align import align_face
from ranfer.landmarks.base import FaceDetector
from ranfer.registry import FACE_DETECTORS

CLASSES = SFEW.METAINFO['classes']
PUBLISHED = {
    'film': {'train': 958, 'valid': 436},
    'aligned': {'train': 891, 'valid': 431},
}
_IMAGE = re.compile(
    r'(?:^|/)(train|val)(?:_aligned_faces\w*)?/(?:[^/]+/)*?([a-z]+)/([^/]+\.(?:png|jpg))$',
    re.IGNORECASE,
)
_ALIGNED = re.compile(r'(?:^|/)(?:train|val)_aligned_faces\w*/', re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def _detector(config: str) -> FaceDetector:
    """One detector a process."""
    return FACE_DETECTORS.build(json.loads(config))


def film_job(image: np.ndarray, info: dict) -> tuple[np.ndarray, dict]:
    """Find the main face of a film frame and align it; a ``prepare`` function.

    The main face is the one with the largest area times score.

    Args:
        image: uint8, shape ``(H, W, 3)``, BGR.
        info: ``detector`` (config as JSON) and ``size``.

    Returns:
        tuple[np.ndarray, dict]: Face and its ``keypoints``.

    Raises:
        SkipImage: If no face is found.
    """
    faces = _detector(info['detector']).detect([image])[0]
    index = faces.main()
    if index is None:
        raise SkipImage('no face found')
    face, points = align_face(image, faces.landmarks[index], info['size'])
    return face, {'keypoints': points.round(2).tolist()}


def find_images(source: Source, report: Report) -> dict[str, list[tuple[str, int, str, Member]]]:
    """Images of both forms.

    Args:
        source: Folders or archives.
        report: Takes class folders of another name.

    Returns:
        dict: ``'film'`` and ``'aligned'`` -> (split, label, file name, image), in order of names.
    """
    found: dict[str, list] = {'film': [], 'aligned': []}
    for name, member in sorted(source.files.items()):
        match = _IMAGE.search(name)
        if not match:
            continue
        split = 'train' if match[1].lower() == 'train' else 'valid'
        if match[2].lower() not in CLASSES:
            report.skip('unknown label', name)
            continue
        label = CLASSES.index(match[2].lower())
        faces = 'aligned' if _ALIGNED.search(name) else 'film'
        found[faces].append((split, label, match[3], member))
    return found


def convert_sfew(
    sources: Sequence[str],
    out: str,
    *,
    faces: str | None = None,
    size: int = 224,
    detector: dict | None = None,
    workers: int = 1,
    strict: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Convert SFEW 2.0 to ``out/{train,valid}.json`` and ``out/images/``.

    Args:
        sources: Folders or zip files with ``Train/<Class>/*.png`` and ``Val/<Class>/*.png``, or
            with the ``*_Aligned_Faces`` folders.
        out: Output folder.
        faces: ``'film'`` detects and aligns the main face of each frame, ``'aligned'`` takes the
            owners' faces as they are. Defaults to what the source has, frames first.
        size: Side of the faces in pixels with ``'film'``. Defaults to 224.
        detector: Config of a back end of ``FACE_DETECTORS``. Defaults to ``dict(type='MTCNN')``.
        workers: Number of processes. Defaults to 1.
        strict: Whether the first defect of the source is an error. Defaults to False.
        overwrite: Whether to convert images again that are there. Defaults to False.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If the source cannot be converted, or has a defect under ``strict``.
    """
    report = Report(strict)
    found = find_images(Source(sources, report), report)
    if faces is None:
        faces = 'film' if found['film'] else 'aligned'
    if faces not in found or not found[faces]:
        raise ConversionError(
            f'faces: no {faces} images in the source, expected Train/<Class>/*.png and '
            f"Val/<Class>/*.png ('film') or *_Aligned_Faces/<Class>/*.png ('aligned'); give the "
            f'complete archive or choose the other form'
        )
    config = json.dumps(detector or {'type': 'MTCNN'}, sort_keys=True)
    jobs, labels = [], {}
    for split, label, name, member in found[faces]:
        target = f'images/{split}/{CLASSES[label]}/{name}'
        if target in labels:
            report.skip('duplicate', target)
            continue
        labels[target] = (split, label)
        jobs.append(ImageJob(target, member, {'detector': config, 'size': size}))
    done = convert_images(
        jobs,
        len(jobs),
        Path(out),
        report,
        workers=workers,
        prepare=film_job if faces == 'film' else None,
        options=f'sfew {faces} {size} {config}' if faces == 'film' else 'sfew aligned',
        overwrite=overwrite,
    )
    metainfo = {'dataset': 'SFEW', 'classes': list(CLASSES), 'protocol': faces}
    return write_splits(Path(out), split_rows(labels, done), metainfo, PUBLISHED[faces], report)
