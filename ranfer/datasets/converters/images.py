"""Conversion of many images by several processes, with a journal to go on from."""

import itertools
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from ranfer.datasets.converters.journal import Journal
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Member, MemberError
from ranfer.datasets.image_file import ImageError, decode_image
from ranfer.engine.atomic import open_beside

_BLOCK = 4096
_LEAST_WORK = 64


class SkipImage(Exception):
    """Raised by ``prepare``: ``reason`` is the kind of defect, the text is the detail."""

    def __init__(self, reason: str, detail: str = '') -> None:
        self.reason = reason
        super().__init__(detail)


@dataclass(frozen=True)
class ImageJob:
    """One image to convert.

    Attributes:
        target: Path below the output folder; its suffix decides the format if ``prepare`` is used.
        source: Where the bytes come from, or the image itself (uint8, ``(H, W)`` or BGR).
        info: Values for ``prepare``.
    """

    target: str
    source: Member | np.ndarray
    info: dict = field(default_factory=dict)


Prepare = Callable[[np.ndarray, dict], tuple[np.ndarray, dict]]
"""Makes the output image and the annotation entries of one image (uint8, ``(H, W, 3)``, BGR)."""


def _encode(image: np.ndarray, suffix: str) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix.lower() in ('.jpg', '.jpeg') else []
    try:
        return cv2.imencode(suffix, image, quality)[1].tobytes()
    except cv2.error as error:
        raise SkipImage('unknown suffix', f'({suffix!r} is that of no image)') from error


def _convert(job: ImageJob, out: Path, prepare: Prepare | None) -> dict:
    """Convert one image; the entry for the journal."""
    target = out / job.target
    try:
        if isinstance(job.source, np.ndarray):
            image, data = job.source, None
        else:
            data = job.source.read()
            image = decode_image(data)
        entries: dict = {}
        if prepare is not None:
            image, entries = prepare(image, job.info)
            data = None
        with open_beside(target) as file:
            file.write(data or _encode(image, target.suffix))
    except (MemberError, ImageError) as error:
        return {'target': job.target, 'reason': 'unreadable image', 'detail': str(error)}
    except SkipImage as error:
        return {'target': job.target, 'reason': error.reason, 'detail': str(error)}
    except OSError as error:
        return {'target': job.target, 'fatal': f'{target}: {error.strerror}'}
    return {'target': job.target, 'info': entries}


_state: tuple[Path, Prepare | None]


def _start_worker(out: Path, prepare: Prepare | None) -> None:
    global _state
    _state = (out, prepare)
    cv2.setNumThreads(1)


def _work(job: ImageJob) -> dict:
    return _convert(job, *_state)


def _blocks(jobs: Iterable[ImageJob]) -> Iterator[list[ImageJob]]:
    jobs = iter(jobs)
    while block := list(itertools.islice(jobs, _BLOCK)):
        yield block


def convert_images(
    jobs: Iterable[ImageJob],
    count: int,
    out: Path,
    report: Report,
    *,
    workers: int = 1,
    prepare: Prepare | None = None,
    options: str = '',
    overwrite: bool = False,
) -> dict[str, dict]:
    """Convert images, leaving alone what an earlier run has done.

    Args:
        jobs: The images, each target once; may be a generator.
        count: Number of jobs, for the progress bar.
        out: Output folder.
        report: Takes what cannot be converted.
        workers: Number of processes; fewer are started for few images. Defaults to 1.
        prepare: Makes the output image; None copies the file as it is. Defaults to None.
        options: Text of everything that changes the output; another one than in the earlier run
            converts again. Defaults to ''.
        overwrite: Whether to convert everything again. Defaults to False.

    Returns:
        dict[str, dict]: Target -> annotation entries of ``prepare``, in the order of the jobs.

    Raises:
        ConversionError: If the output cannot be written, or at the first defect of a strict report.
            What is converted by then stays and is not converted again.
    """
    journal = Journal(out / '.converted.jsonl', options, overwrite)
    bar = ProgressBar(count, file=sys.stderr)
    order: list[str] = []
    pool = None
    workers = min(workers, -(-count // _LEAST_WORK))
    if workers > 1:
        # Forking a process in which OpenCV or PyTorch has threads may hang: workers start afresh.
        context = multiprocessing.get_context('spawn')
        pool = context.Pool(workers, _start_worker, (out, prepare))
    try:
        for block in _blocks(jobs):
            order += [job.target for job in block]
            todo = [
                job
                for job in block
                if job.target not in journal.done or not (out / job.target).is_file()
            ]
            for _ in range(len(block) - len(todo)):
                bar.update()
            if pool is None:
                results: Iterable[dict] = (_convert(job, out, prepare) for job in todo)
            else:
                results = pool.imap(_work, todo, chunksize=16)
            for result in results:
                bar.update()
                _record(result, journal, report)
    finally:
        bar.file.write('\n')
        if pool is not None:
            pool.terminate()
            pool.join()
    return {target: journal.done[target] for target in order if target in journal.done}


def _record(result: dict, journal: Journal, report: Report) -> None:
    if 'fatal' in result:
        raise ConversionError(f'out: cannot write {result["fatal"]}; free space or choose --out')
    if 'reason' in result:
        journal.done.pop(result['target'], None)
        report.skip(result['reason'], f'{result["target"]} {result["detail"]}'.rstrip())
    else:
        journal.add([result])
