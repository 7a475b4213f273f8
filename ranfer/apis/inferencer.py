"""From a photo, folder, video or camera to faces, expressions and region weights."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from itertools import groupby
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.utils import ProgressBar
from mmpretrain.apis.base import BaseInferencer

from ranfer.apis.annotate import annotate
from ranfer.apis.classifier import Scores, load_classifier
from ranfer.apis.cut_face import CutFace, cut_face
from ranfer.apis.frames import Frame, count_frames, read_frames
from ranfer.apis.images import shrink
from ranfer.apis.model_file import ModelFile, shipped_models
from ranfer.apis.outputs import OccupiedError, Outputs, is_full
from ranfer.apis.results import Face, Region, Result, printable
from ranfer.apis.sources import Input, expand, is_several, is_stream
from ranfer.apis.temporal import TrackScores
from ranfer.engine.explain import explain
from ranfer.landmarks import FaceDetector, Faces
from ranfer.registry import FACE_DETECTORS

_DETECTION_SIDE = 1280
"""Larger images are shrunk to this side for the search of faces; the faces are cut in full size."""

_FACES_A_BATCH = 64

DEFAULT_DETECTOR = dict(type='MTCNN', min_face_size=32, thresholds=(0.6, 0.7, 0.9))


@dataclass(frozen=True)
class Analysed:
    """One image with everything that was found in it.

    Attributes:
        frame: The image.
        result: The answer.
        cuts: The faces as the model saw them, in the order of ``result.faces``.
        scores: What the model said of each.
    """

    frame: Frame
    result: Result
    cuts: tuple[CutFace, ...]
    scores: tuple[Scores, ...]


class FERInferencer(BaseInferencer):
    """Recognises the facial expressions in images, folders, videos and cameras.

    The stages and their names are those of MMPretrain's inferencers: :meth:`preprocess` finds and
    cuts faces, :meth:`forward` classifies them in batches across images, :meth:`postprocess` makes
    plain data and :meth:`visualize` writes pictures.

    Args:
        model: Name of a shipped model, path of a model file, or config (path or object) together
            with ``weights``. Defaults to None, the shipped default.
        weights: Checkpoint of a config. Defaults to None.
        device: ``'auto'`` or a device of PyTorch. Defaults to ``'auto'``.
        backend: ``'torch'`` or ``'onnxruntime'``; for the latter ``model`` is an ONNX file.
            Defaults to ``'torch'``.
        faces: ``'detect'`` finds faces; ``'whole'`` takes each image as one face, as in the data
            sets. Defaults to ``'detect'``.
        detector: Face detector, its config or its type. Defaults to MTCNN for sure faces from 32
            pixels.
        margin: Part of the side that is added on each side: of the aligned face, or of the box or
            image where nothing is aligned. Defaults to None: what the model was trained with, or 0
            for whole images and where ``align`` says otherwise than the model.
        align: Whether faces are turned upright by their landmarks before they are cut, see
            :class:`ranfer.apis.FaceInput`. Defaults to None, what the model was trained with.

    Raises:
        FileNotFoundError: If a file does not exist, or no weights are shipped.
        TypeError: If ``model`` is something else, such as a module.
        ValueError: If an argument is unknown or does not fit the others.

    Example:
        >>> inferencer = FERInferencer()
        >>> face = inferencer('photo.jpg')[0].faces[0]
        >>> face.label, face.probability, [region.weight for region in face.regions]
    """

    visualize_kwargs: set = {'show_dir', 'attention'}

    def __init__(
        self,
        model: str | os.PathLike | Config | ModelFile | None = None,
        weights: str | os.PathLike | None = None,
        device: str = 'auto',
        backend: str = 'torch',
        faces: str = 'detect',
        detector: dict | str | FaceDetector | None = None,
        margin: float | None = None,
        align: bool | None = None,
    ) -> None:
        if faces not in ('detect', 'whole'):
            raise ValueError(f"faces must be 'detect' or 'whole', got {faces!r}.")
        self.faces = faces
        self.classifier = load_classifier(model, weights, device, backend)
        self.classes = self.classifier.classes
        self._name = (
            f'Model {os.fspath(model)!r}' if isinstance(model, (str, os.PathLike)) else 'The model'
        )
        if align is not None and not isinstance(align, bool):
            raise ValueError(f'align must be True, False or None, got {align!r}.')
        if align and faces == 'whole':
            raise ValueError("align=True needs landmarks; set faces='detect'.")
        if margin is not None and not (isinstance(margin, Real) and -0.4 <= margin <= 4):
            raise ValueError(f'margin must be a number in [-0.4, 4], got {margin!r}.')
        self.face_input = self.classifier.face.cut_by(align, margin, whole=faces == 'whole')
        self._detector = dict(type=detector) if isinstance(detector, str) else detector

    @cached_property
    def detector(self) -> FaceDetector:
        """The face detector, built when first needed."""
        if isinstance(self._detector, FaceDetector):
            return self._detector
        return FACE_DETECTORS.build(self._detector or DEFAULT_DETECTOR)

    def __call__(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        progress: bool = True,
        **kwargs: Any,
    ) -> list[Result]:
        """Analyse inputs and return everything at once; see :meth:`stream` for one by one.

        Args:
            inputs: Path of an image, a video or a folder, glob pattern, array, camera index, or a
                list of these. A camera never ends: use :meth:`stream`.
            batch_size: Number of images or frames whose faces go through together. Defaults to 8.
            progress: Whether a progress bar is shown on the standard error. Defaults to True.
            **kwargs: ``show_dir`` and ``attention`` of :meth:`visualize`.

        Returns:
            list[Result]: One an image or frame. An unreadable file in a folder, pattern or list
            gives a result with ``error``.

        Raises:
            FileNotFoundError: If an input does not exist.
            TypeError: If an input has an unsuitable type.
            ValueError: If a single image cannot be read, or an argument is out of range.
        """
        if any(isinstance(item, int) for item in expand(inputs)):
            raise ValueError('A camera gives frames without end; use stream() for it.')
        return list(self.stream(inputs, batch_size, progress=progress, **kwargs))

    def stream(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        smoothing: float = 0.6,
        progress: bool = False,
        window: int | None = None,
        outputs: Outputs | None = None,
        **kwargs: Any,
    ) -> Iterator[Result]:
        """Analyse inputs and yield results as they come.

        Args:
            inputs: See :meth:`__call__`; also a camera.
            batch_size: See :meth:`__call__`; 1 for a camera keeps the delay short. Defaults to 8.
            smoothing: Share of earlier frames in the probabilities of a track, for videos and
                cameras. Defaults to 0.6.
            progress: Whether a progress bar is shown on the standard error. Defaults to False.
            window: Number of frames of a track whose regions are weighed and classified as one set,
                in place of ``smoothing``. Defaults to None.
            outputs: See :meth:`visualize`. Defaults to these inputs alone.
            **kwargs: ``show_dir`` and ``attention`` of :meth:`visualize`.

        Yields:
            Result: One an image or frame. A picture of several that its format cannot hold, or
            whose file cannot be written or may be the user's own, is warned about and left out; of
            a single one it is an error behind the result.
        """
        _, _, visualize_kwargs, _ = self._dispatch_kwargs(**kwargs)
        items = expand(inputs)
        several = is_several(inputs, items)
        show_dir = kwargs.get('show_dir') or ''
        if show_dir and outputs is None:
            outputs = Outputs(items)
        for analysed in self._analyse(items, several, batch_size, smoothing, progress, window):
            try:
                self.visualize([analysed], **visualize_kwargs, outputs=outputs)
            except (OSError, ValueError) as error:
                if not _is_of_one_picture(error, show_dir):
                    raise
                if not several:
                    yield analysed.result
                    raise
                warnings.warn(explain(error), stacklevel=2)
            yield analysed.result

    def analyse(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        smoothing: float = 0.6,
        progress: bool = False,
        window: int | None = None,
    ) -> Generator[Analysed, None, None]:
        """Like :meth:`stream`, together with the images and cut faces, for drawing."""
        items = expand(inputs)
        several = is_several(inputs, items)
        yield from self._analyse(items, several, batch_size, smoothing, progress, window)

    def _analyse(
        self,
        items: list[Input],
        several: bool,
        batch_size: int,
        smoothing: float,
        progress: bool,
        window: int | None,
    ) -> Iterator[Analysed]:
        """Analyse what was expanded; of ``several`` items a bad one is a result of its own."""
        if batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got {batch_size}.')
        TrackScores(self.classifier, smoothing, window)  # refuses what is out of range
        with _progress(items, progress) as tick:
            for group in _group_images(items):
                video = is_stream(group[0])
                tracks = TrackScores(self.classifier, smoothing, window) if video else None
                frames = (f for item in group for f in read_frames(item, keep_errors=several))
                for chunk in self._get_chunk_data(frames, batch_size):
                    for analysed in self._analyse_chunk(chunk):
                        tick()
                        yield analysed if tracks is None else self._track(analysed, tracks)

    def _analyse_chunk(self, frames: list[Frame]) -> list[Analysed]:
        found, cuts = self.preprocess(frames)
        scores = self.forward([cut for one in cuts for cut in one])
        return self.postprocess(frames, found, cuts, scores)

    def preprocess(self, frames: Sequence[Frame]) -> tuple[list[Faces], list[list[CutFace]]]:
        """Find the faces of several images and cut them out.

        Args:
            frames: Images; those that could not be read have no face.

        Returns:
            tuple: Faces and cut faces of every image.
        """
        found = self._find(frames)
        cuts = [
            [] if frame.image is None else self._cut(frame.image, faces)
            for frame, faces in zip(frames, found)
        ]
        return found, cuts

    def _find(self, frames: Sequence[Frame]) -> list[Faces]:
        none = Faces.sorted(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
        images = [frame.image for frame in frames if frame.image is not None]
        faces = iter(map(_whole, images) if self.faces == 'whole' else self._detect(images))
        return [none if frame.image is None else next(faces) for frame in frames]

    def _detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        small = [shrink(image, _DETECTION_SIDE) for image in images]
        found = []
        for faces, (_, factor) in zip(self.detector.detect([image for image, _ in small]), small):
            keep = _usable(faces, self.face_input.align)
            boxes, landmarks = faces.boxes[keep] / factor, faces.landmarks[keep] / factor
            found.append(Faces(boxes, faces.scores[keep], landmarks))
        return found

    def _cut(self, image: np.ndarray, faces: Faces) -> list[CutFace]:
        landmarks = faces.landmarks if self.faces == 'detect' else [None] * len(faces)
        return [
            cut_face(image, box, points, self.face_input)
            for box, points in zip(faces.boxes, landmarks)
        ]

    def forward(self, cuts: Sequence[CutFace]) -> list[Scores]:
        """Classify cut faces in batches.

        Args:
            cuts: Faces of any number of images.

        Raises:
            ValueError: If the model gives a score that is not finite.
        """
        scores: list[Scores] = []
        for start in range(0, len(cuts), _FACES_A_BATCH):
            scores += self.classifier.predict(cuts[start : start + _FACES_A_BATCH])
        if not all(np.isfinite(one.scores).all() for one in scores):
            raise ValueError(
                f'{self._name} gives scores that are not finite, for its weights are too large or '
                f'broken; use an earlier checkpoint.'
            )
        return scores

    def postprocess(
        self,
        frames: Sequence[Frame],
        found: Sequence[Faces],
        cuts: Sequence[Sequence[CutFace]],
        scores: Sequence[Scores],
    ) -> list[Analysed]:
        """Put together plain results.

        Args:
            frames: Images.
            found: Faces of each image.
            cuts: Cut faces of each image.
            scores: Scores of all faces, in order.
        """
        rest = iter(scores)
        analysed = []
        for frame, faces, cut in zip(frames, found, cuts):
            mine = tuple(next(rest) for _ in cut)
            height, width = (0, 0) if frame.image is None else frame.image.shape[:2]
            result = Result(
                source=frame.source,
                width=width,
                height=height,
                faces=tuple(self._face(faces, i, cut[i], mine[i]) for i in range(len(cut))),
                frame=frame.index,
                time=frame.time,
                error=frame.error,
            )
            analysed.append(Analysed(frame, result, tuple(cut), mine))
        return analysed

    def _face(self, faces: Faces, index: int, cut: CutFace, scores: Scores) -> Face:
        detected = self.faces == 'detect'
        boxes = cut.to_image(np.asarray(scores.regions, float))
        regions = tuple(
            Region(_box(box), *map(float, weights))
            for box, weights, there in zip(boxes, scores.weights.T, scores.mask)
            if there
        )
        return Face(
            box=_box(faces.boxes[index]),
            score=float(np.clip(faces.scores[index], 0, 1)) if detected else None,
            landmarks=(
                tuple((float(x), float(y)) for x, y in faces.landmarks[index]) if detected else None
            ),
            regions=regions,
            **self._expression(scores.scores),
        )

    def _expression(self, scores: np.ndarray) -> dict[str, Any]:
        """What a :class:`Face` says of its probabilities ``(C,)``."""
        values = [float(x) for x in np.clip(scores, 0, 1)]
        best = int(np.argmax(values))
        return dict(
            label=self.classes[best],
            probability=values[best],
            probabilities=dict(zip(self.classes, values)),
        )

    def _track(self, analysed: Analysed, tracks: TrackScores) -> Analysed:
        """Number the faces of a frame, sum up their frames, and sort them by their track."""
        faces = analysed.result.faces
        boxes = np.array([face.box for face in faces], float).reshape(-1, 4)
        numbers, smooth = tracks.update(boxes, analysed.scores)
        order = np.argsort(numbers, kind='stable')
        tracked = tuple(
            replace(faces[i], track=int(numbers[i]), **self._expression(smooth[i])) for i in order
        )
        return Analysed(
            analysed.frame,
            replace(analysed.result, faces=tracked),
            tuple(analysed.cuts[i] for i in order),
            tuple(analysed.scores[i] for i in order),
        )

    def visualize(
        self,
        analysed: Sequence[Analysed],
        show_dir: str | os.PathLike | None = None,
        attention: bool = True,
        outputs: Outputs | None = None,
    ) -> None:
        """Write ``<name>.jpg`` with all faces and ``<name>_face<i>.png`` with the regions of each.

        Args:
            analysed: Images with their results.
            show_dir: Folder. Defaults to None, which writes nothing.
            attention: Whether the pictures of the regions are written. Defaults to True.
            outputs: Inputs and names of earlier pictures; a name that comes again gets a number
                (``photo_2.jpg``). Defaults to these images alone.

        Raises:
            ValueError: If a picture would replace an input or a file in a folder that holds
                inputs, or its format cannot hold it.
        """
        if not show_dir:
            return
        from ranfer.visualization.figure import write_picture

        if outputs is None:
            outputs = Outputs(one.frame.source for one in analysed)
        for one in analysed:
            if one.frame.image is None:
                continue
            name = outputs.name(picture_stem(one.frame))
            picture = annotate(one.frame.image, one.result)
            path = outputs.target_in(show_dir, f'{name}.jpg')
            write_picture(path, picture[..., ::-1])
            if attention:
                for index in range(len(one.cuts)):
                    path = outputs.target_in(show_dir, f'{name}_face{index}.png')
                    write_picture(path, self.draw_face(one, index))

    def draw_face(self, analysed: Analysed, index: int) -> np.ndarray:
        """Draw regions, weights and probabilities of one face; RGB, uint8."""
        from ranfer.visualization.attention import draw_attention

        cut, scores = analysed.cuts[index], analysed.scores[index]
        shown = analysed.result.faces[index]
        size = cut.image.shape[0]
        regions, weights, mask = scores.regions, scores.weights, scores.mask
        if not len(regions):
            regions, weights = np.array([[0, 0, size, size]]), np.ones((3, 1))
            mask = np.ones(1, bool)
        mu, nu, final = weights
        return draw_attention(
            cut.image[..., ::-1],
            regions,
            mu,
            nu,
            final,
            np.array(list(shown.probabilities.values())),
            self.classes,
            region_mask=mask,
            title=f'{printable(Path(analysed.result.source).name)}   face {index}: {shown.label}',
        )

    @staticmethod
    def list_models(pattern: str | None = None) -> list[str]:
        """Names of the shipped models, the default first; ``pattern`` is a shell pattern."""
        return [name for name in shipped_models() if pattern is None or fnmatch(name, pattern)]


def _box(values: np.ndarray) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, values)
    return left, top, right, bottom


def _is_of_one_picture(error: OSError | ValueError, folder: str | os.PathLike) -> bool:
    """Whether others can still be written."""
    from ranfer.visualization.figure import PictureError

    if isinstance(error, OSError):
        return not is_full(error) and os.path.isdir(folder) and os.access(folder, os.W_OK)
    return isinstance(error, (PictureError, OccupiedError))


def picture_stem(frame: Frame) -> str:
    """Name of the pictures of a frame, without suffix."""
    stem = Path(frame.source).stem.replace(' ', '_')
    return stem if frame.index is None else f'{stem}_{frame.index:06d}'


def _whole(image: np.ndarray) -> Faces:
    """An image as one face, without landmarks."""
    height, width = image.shape[:2]
    return Faces.sorted(np.array([[0, 0, width, height]]), np.ones(1), np.zeros((1, 5, 2)))


def _usable(faces: Faces, align: bool) -> np.ndarray:
    """Which faces can be cut out: their values are finite and not all in one place."""
    values = np.concatenate([faces.boxes, faces.landmarks.reshape(-1, 10)], axis=1)
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    usable = np.isfinite(values).all(axis=1) & (sides > 1).all(axis=1)
    if align:
        first = faces.landmarks[:, :1]
        usable &= ~np.isclose(faces.landmarks, first, atol=1e-3).all(axis=(1, 2))
    return usable


def _group_images(items: Sequence[Input]) -> Iterator[list[Input]]:
    """Neighbouring images together, each video by itself."""
    for videos, neighbours in groupby(items, key=is_stream):
        group = list(neighbours)
        yield from [[item] for item in group] if videos else [group]


@contextmanager
def _progress(items: Sequence[Input], shown: bool) -> Iterator[Callable[[], None]]:
    """A progress bar on the standard error, or nothing; yields what moves it on."""
    if not shown or sys.stderr is None:
        yield lambda: None
        return
    bar = ProgressBar(count_frames(items), file=sys.stderr)
    try:
        yield bar.update
    finally:
        bar.file.write('\n')
