"""What a prediction consists of, as plain data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ranfer.apis.outputs import is_full


@dataclass(frozen=True)
class Region:
    """One region of a face and what the attention gave it.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the image; may reach beyond it.
        self_weight: mu in [0, 1].
        relation_weight: nu in [0, 1].
        weight: Final weight; those of a face sum to 1.
    """

    box: tuple[float, float, float, float]
    self_weight: float
    relation_weight: float
    weight: float


@dataclass(frozen=True)
class Face:
    """One face.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the image; may reach beyond it.
        score: Confidence of the face detector in [0, 1]; None if the whole image is the face.
        landmarks: Left eye, right eye, nose, left and right mouth corner in pixels, or None.
        label: Name of the expression with the highest probability.
        probability: That probability.
        probabilities: Probability of every expression by name; they sum to 1.
        regions: Regions in the order of the strategy, the whole face first; empty for a model
            without regions.
        track: Number of the person in a video, None elsewhere.
    """

    box: tuple[float, float, float, float]
    score: float | None
    landmarks: tuple[tuple[float, float], ...] | None
    label: str
    probability: float
    probabilities: dict[str, float]
    regions: tuple[Region, ...] = ()
    track: int | None = None


@dataclass(frozen=True)
class Result:
    """Faces of one image or video frame.

    Attributes:
        source: Path, ``'array'`` or ``'camera <index>'``.
        width: Width in pixels, 0 if the image could not be read.
        height: Height in pixels, 0 if the image could not be read.
        faces: Faces, the surest first; of a video in the order of their tracks.
        frame: Number of the frame in a video, from 0; None for an image.
        time: Seconds from the start of a video; None for an image.
        error: Why the image could not be read, in one sentence; None if it could.
    """

    source: str
    width: int
    height: int
    faces: tuple[Face, ...] = ()
    frame: int | None = None
    time: float | None = None
    error: str | None = None

    def to_dict(self) -> dict:
        """Return plain values that ``json`` can write, as ``docs/schema/prediction.schema.json``.

        Pixels are rounded to hundredths, probabilities and weights to 6 digits; bytes of a file
        name that are no UTF-8 are escaped.
        """
        return _plain(asdict(self), 6)

    def to_json(self) -> str:
        """Return :meth:`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def printable(text: str) -> str:
    """Return ``text`` with escapes for the bytes of a file name that are no UTF-8."""
    return text.encode('utf-8', 'backslashreplace').decode()


def _plain(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        pixels = ('box', 'landmarks')
        return {key: _plain(x, 2 if key in pixels else digits) for key, x in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(x, digits) for x in value]
    if isinstance(value, str):
        return printable(value)
    return round(value, digits) if isinstance(value, float) else value


def write_jsonl(path: str | os.PathLike, results: Iterable[Result]) -> None:
    """Write results as JSON Lines, one image or frame a line, as they come; folders are made.

    Args:
        path: Target.
        results: Results; may be a generator. An older file is kept until the first one comes.
    """
    path, results = Path(path), iter(results)
    first = list(islice(results, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open('w', encoding='utf-8', buffering=1) as file:
            for result in chain(first, results):
                file.write(f'{result.to_json()}\n')
    except OSError as error:
        if is_full(error) and not error.filename:
            error.filename = str(path)
        raise
