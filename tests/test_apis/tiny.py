"""A tiny model with random weights, and a detector that knows where the face is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from ranfer.apis import FaceInput, FERInferencer, ModelFile
from ranfer.landmarks import FaceDetector, Faces

CLASSES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear')


def model_config(ran: bool = True) -> dict:
    backbone = dict(
        type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(3,), style='pytorch'
    )
    preprocessor = dict(
        type='ranfer.RegionDataPreprocessor',
        crop_size=32,
        mean=[127.5] * 3,
        std=[60.0] * 3,
        to_rgb=True,
    )
    if not ran:
        return dict(
            type='ImageClassifier',
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=7, in_channels=64),
            data_preprocessor=dict(preprocessor, num_regions=1, with_mask=False),
        )
    return dict(
        type='ranfer.RANClassifier',
        backbone=backbone,
        neck=dict(type='ranfer.RANNeck', in_channels=64),
        head=dict(type='ranfer.RelationAttentionHead', num_classes=7, in_channels=64),
        data_preprocessor=preprocessor,
    )


def model_file(ran: bool = True, regions: dict | None = None, **face) -> ModelFile:
    torch.manual_seed(0)
    config = model_config(ran)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config)
    return ModelFile(
        model=model_config(ran),
        classes=CLASSES,
        regions=regions or dict(type='FixedRegions'),
        seed=0,
        face=FaceInput(**{'size': 40, **face}),
        dataset='test',
        state_dict=model.state_dict(),
    )


class FixedDetector(FaceDetector):
    """Finds a face in the middle of every image of at least 20 pixels, ``count`` times."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.batches: list[int] = []

    def _detect(self, images):
        self.batches.append(len(images))
        return [self._faces(image) for image in images]

    def _faces(self, image: np.ndarray) -> Faces:
        height, width = image.shape[:2]
        count = self.count if min(height, width) >= 20 else 0
        box = np.array([width * 0.25, height * 0.2, width * 0.75, height * 0.8])
        marks = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.4, 0.65], [0.6, 0.65]])
        return Faces.sorted(
            np.tile(box, (count, 1)),
            np.linspace(0.99, 0.9, count),
            np.tile(marks * [width, height], (count, 1, 1)),
        )


def inferencer(count: int = 1, **kwargs) -> FERInferencer:
    detector = kwargs.pop('detector', FixedDetector(count))
    model = kwargs.pop('model', None) or model_file()
    return FERInferencer(model, device='cpu', detector=detector, **kwargs)


def write_video(path: str | Path, count: int, rate: float = 10) -> str:
    """A film whose frames grow lighter by 20 levels each."""
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), codec, rate, (96, 96))
    for index in range(count):
        writer.write(np.full((96, 96, 3), 20 * index, np.uint8))
    writer.release()
    return str(path)
