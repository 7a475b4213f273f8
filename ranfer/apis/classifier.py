"""From cut faces to probabilities and region weights, by PyTorch or ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpretrain.structures import DataSample
from torch import Tensor

from ranfer.apis.checks import check_types
from ranfer.apis.cut_face import CutFace
from ranfer.apis.device import find_device
from ranfer.apis.face_input import FaceInput
from ranfer.apis.model_file import ModelFile, model_path
from ranfer.datasets.transforms import PackRegionInputs, RegionCropTransform
from ranfer.models.heads import RegionWeights, RelationAttentionHead
from ranfer.models.necks import RANNeck, RegionFeatures
from ranfer.regions import LandmarkRegions
from ranfer.utils.scope import in_scope, registered_only


class Scores(NamedTuple):
    """What a model says of one face.

    Attributes:
        scores: Class probabilities, ``(C,)``.
        regions: Boxes in face pixels, ``(R, 4)``; ``(0, 4)`` without region weights.
        mask: True where a region exists, ``(R,)``.
        weights: mu, nu and final weights, ``(3, R)``.
        features: What :class:`ranfer.models.RANNeck` weighs, ``(R, D)``; None in ONNX Runtime and
            without both attentions.
    """

    scores: np.ndarray
    regions: np.ndarray
    mask: np.ndarray
    weights: np.ndarray
    features: np.ndarray | None = None


class Classifier(Protocol):
    """What :class:`ranfer.apis.FERInferencer` needs of a back end."""

    classes: tuple[str, ...]
    face: FaceInput

    def predict(self, faces: Sequence[CutFace]) -> list[Scores]:
        """Classify at least one face."""


class FacePreparer:
    """Makes the packed sample of a cut face, as a test pipeline does.

    Args:
        regions: Config of the region strategy.
        seed: Seed of the strategy.
    """

    def __init__(self, regions: dict, seed: int) -> None:
        check_types(regions)
        with registered_only('ranfer'):
            self._regions = RegionCropTransform(regions, seed=seed)
        self._pack = PackRegionInputs()

    def __call__(self, faces: Sequence[CutFace]) -> dict:
        """Return a batch of ``inputs`` and ``data_samples``."""
        return pseudo_collate([self._prepare(face) for face in faces])

    def _prepare(self, face: CutFace) -> dict:
        results = dict(img=face.image, img_shape=face.image.shape[:2], sample_idx=0)
        if face.landmarks is not None:
            points = np.ones((1, len(face.landmarks), 3), np.float32)
            points[0, :, :2] = face.landmarks
            results['gt_keypoints'] = points
        elif isinstance(self._regions.strategy, LandmarkRegions):
            raise ValueError(
                'This model takes its regions at landmarks, which only a face detector finds; set '
                "faces='detect'."
            )
        return self._pack(self._regions(results))


class TorchClassifier:
    """A model of a :class:`ModelFile` in PyTorch.

    Args:
        model: The model.
        device: ``'auto'`` (what MMEngine finds) or a device of PyTorch. Defaults to ``'auto'``.

    Raises:
        ValueError: If there is no such device or the model does not build.
    """

    def __init__(self, model: ModelFile, device: str = 'auto') -> None:
        self.classes = model.classes
        self.face = model.face
        self.device = find_device(device)
        self._prepare = FacePreparer(model.regions, model.seed)
        self._model = model.build().to(self.device)
        self._features: Tensor | None = None
        if self.joins:
            self._model.neck.register_forward_hook(self._keep_features)

    @property
    def joins(self) -> bool:
        """Whether :meth:`join` works, which needs both attentions."""
        neck, head = (getattr(self._model, name, None) for name in ('neck', 'head'))
        return isinstance(neck, RANNeck) and isinstance(head, RelationAttentionHead)

    def _keep_features(self, neck: RANNeck, inputs: tuple, output: RegionFeatures) -> None:
        self._features = output.features

    @torch.inference_mode()
    def predict(self, faces: Sequence[CutFace]) -> list[Scores]:
        """See :meth:`Classifier.predict`."""
        batch = self._prepare(faces)
        with in_scope('mmpretrain'):
            scores = [_scores(sample) for sample in self._model.test_step(batch)]
            features, self._features = self._features, None
        if features is None:
            return scores
        features = features.float().cpu().numpy()
        return [
            one._replace(features=values[: len(one.mask)]) for one, values in zip(scores, features)
        ]

    @torch.inference_mode()
    def join(self, frames: Sequence[Scores]) -> np.ndarray:
        """Weigh and classify the regions of several pictures of one person as one set.

        Args:
            frames: What :meth:`predict` said of at least one picture.

        Returns:
            np.ndarray: Class probabilities, ``(C,)``.
        """
        features = np.concatenate([one.features for one in frames])[None]
        mask = np.concatenate([one.mask for one in frames])[None]
        tensors = (torch.from_numpy(values).to(self.device) for values in (features, mask))
        [sample] = self._model.head.predict(self._model.neck.aggregate(*tensors))
        return sample.pred_score.float().cpu().numpy()


class OnnxClassifier:
    """A model that ``tools/deployment/export_onnx.py`` wrote, in ONNX Runtime on the CPU.

    Args:
        path: ONNX file.

    Raises:
        ImportError: If onnxruntime is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not say how to feed it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        from ranfer.deployment.runtime import ORTModel

        path = os.fspath(path)
        self._model = ORTModel(path)
        metadata = self._model.metadata
        missing = {'classes', 'regions', 'seed', 'face'} - set(metadata)
        if missing:
            raise ValueError(
                f'ONNX file {path!r} lacks {", ".join(sorted(missing))} in its metadata; write it '
                f'with tools/deployment/export_onnx.py.'
            )
        self.classes = tuple(metadata['classes'])
        if len(self.classes) != self._model.num_classes:
            raise ValueError(
                f'ONNX file {path!r} names {len(self.classes)} classes and gives '
                f'{self._model.num_classes} scores; write it with tools/deployment/export_onnx.py.'
            )
        self.face = FaceInput(**metadata['face'])
        self._prepare = FacePreparer(metadata['regions'], metadata['seed'])

    def predict(self, faces: Sequence[CutFace]) -> list[Scores]:
        """See :meth:`Classifier.predict`."""
        batch = self._prepare(faces)
        outputs = self._model.run(self._model.inputs_of(batch))
        weights = np.stack([outputs[key] for key in RegionWeights._fields], axis=1)
        return [
            _with_regions(scores, sample, weight[:, : len(sample.regions)])
            for scores, sample, weight in zip(outputs['scores'], batch['data_samples'], weights)
        ]


def load_classifier(
    model: str | os.PathLike | Config | ModelFile | None,
    weights: str | os.PathLike | None,
    device: str,
    backend: str,
) -> Classifier:
    """Load what :class:`ranfer.apis.FERInferencer` is given as its model; see there."""
    if not isinstance(model, (str, os.PathLike, Config, ModelFile, type(None))):
        raise TypeError(
            f'model is a {type(model).__name__}, expected the name of a shipped model, the path of '
            f'a model file or config, a Config or a ModelFile.'
        )
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
    suffix = '' if name is None else Path(name).suffix
    if backend == 'onnxruntime':
        if device not in ('auto', 'cpu'):
            raise ValueError(
                f"backend='onnxruntime' runs on the CPU, got device={device!r}; use 'auto' or "
                f"'cpu', or backend='torch'."
            )
        if name is None or weights is not None:
            raise ValueError("backend='onnxruntime' needs an ONNX file as model, and no weights.")
        return OnnxClassifier(name)
    if backend != 'torch':
        raise ValueError(f"backend must be 'torch' or 'onnxruntime', got {backend!r}.")
    if suffix == '.onnx':
        raise ValueError(
            f"Model {name!r} is an ONNX file; set backend='onnxruntime' (--backend onnxruntime)."
        )
    config = name if suffix == '.py' else model if isinstance(model, Config) else None
    if (config is None) != (weights is None):
        raise ValueError(
            'A config needs weights, and weights need a config; give both, or a model file alone.'
        )
    if isinstance(model, ModelFile):
        return TorchClassifier(model, device)
    if config is not None and weights is not None:
        return TorchClassifier(ModelFile.from_config(config, os.fspath(weights)), device)
    return TorchClassifier(ModelFile.load(model_path(name)), device)


def _scores(sample: DataSample) -> Scores:
    scores = sample.pred_score.float().cpu().numpy()
    if 'region_weights' not in sample:
        return Scores(scores, np.zeros((0, 4)), np.zeros(0, bool), np.zeros((3, 0)))
    weights = np.stack([sample.get(key).float().cpu().numpy() for key in RegionWeights._fields])
    return _with_regions(scores, sample, weights)


def _with_regions(scores: np.ndarray, sample: DataSample, weights: np.ndarray) -> Scores:
    number = weights.shape[1]
    return Scores(scores, sample.regions[:number], sample.region_mask[:number], weights)
