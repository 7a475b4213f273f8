"""From cut faces to probabilities and region weights, by PyTorch or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope

from ranfer.apis.model_file import FaceInput, ModelFile, check_types
from ranfer.datasets.transforms import PackRegionInputs, RegionCropTransform
from ranfer.landmarks import crop_face
from ranfer.landmarks.align import move_points
from ranfer.regions import LandmarkRegions


@dataclass(frozen=True)
class CutFace:
    """A face as the model sees it.

    Attributes:
        image: BGR, uint8, ``(S, S, 3)``.
        matrix: From image to face pixels, ``(2, 3)``.
        landmarks: Five points in face pixels, ``(5, 2)``, or None.
    """

    image: np.ndarray
    matrix: np.ndarray
    landmarks: np.ndarray | None

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Move boxes ``(k, 4)`` from face pixels to image pixels."""
        back = cv2.invertAffineTransform(self.matrix)
        return move_points(boxes.reshape(-1, 2, 2), back).reshape(-1, 4)


class Scores(NamedTuple):
    """What a model says of one face.

    Attributes:
        scores: Class probabilities, ``(C,)``.
        regions: Boxes in face pixels, ``(R, 4)``; ``(0, 4)`` without region weights.
        mask: True where a region exists, ``(R,)``.
        weights: mu, nu and final weights, ``(3, R)``.
    """

    scores: np.ndarray
    regions: np.ndarray
    mask: np.ndarray
    weights: np.ndarray


class Classifier(Protocol):
    """What :class:`ranfer.apis.FERInferencer` needs of a back end."""

    classes: tuple[str, ...]
    face: FaceInput

    def predict(self, faces: Sequence[CutFace]) -> list[Scores]:
        """Classify at least one face."""


def cut_face(
    image: np.ndarray, box: np.ndarray, landmarks: np.ndarray | None, face: FaceInput
) -> CutFace:
    """Cut a face out of an image as a model wants it.

    Args:
        image: BGR, uint8, ``(H, W, 3)``.
        box: xyxy in pixels.
        landmarks: ``(5, 2)`` in pixels, or None.
        face: Size, margin and colour.
    """
    cut, matrix = crop_face(image, box, face.size, face.margin)
    if face.grey:
        cut = cv2.cvtColor(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return CutFace(cut, matrix, None if landmarks is None else move_points(landmarks, matrix))


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
        check_types(model.regions)
        self._regions = RegionCropTransform(model.regions, seed=model.seed)
        self._pack = PackRegionInputs()
        self._model = model.build().to(self.device)

    @torch.inference_mode()
    def predict(self, faces: Sequence[CutFace]) -> list[Scores]:
        """See :meth:`Classifier.predict`."""
        batch = pseudo_collate([self._prepare(index, face) for index, face in enumerate(faces)])
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            return [_scores(sample) for sample in self._model.test_step(batch)]

    def _prepare(self, index: int, face: CutFace) -> dict:
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


def find_device(name: str) -> torch.device:
    """Turn a device name into a device that is there.

    Raises:
        ValueError: If there is no such device.
    """
    if name == 'auto':
        name = get_device()
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split('\n')[0]
        raise ValueError(
            f"Device {name!r} is not available ({reason}); use device='auto' or 'cpu'."
        ) from error
    return device


def _scores(sample) -> Scores:
    scores = sample.pred_score.float().cpu().numpy()
    if 'region_weights' not in sample:
        return Scores(scores, np.zeros((0, 4)), np.zeros(0, bool), np.zeros((3, 0)))
    keys = ('self_weights', 'relation_weights', 'region_weights')
    weights = np.stack([sample.get(key).float().cpu().numpy() for key in keys])
    number = weights.shape[1]
    return Scores(scores, sample.regions[:number], sample.region_mask[:number], weights)
