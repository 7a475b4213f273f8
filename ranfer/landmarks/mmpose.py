"""Face models of mmpose: any 2-D model with 68, 98 or 106 points, reduced to five."""

from collections.abc import Sequence

import numpy as np

from ranfer.landmarks.base import FaceDetector, Faces
from ranfer.landmarks.points import to_five_points
from ranfer.registry import FACE_DETECTORS
from ranfer.utils.dependencies import require
from ranfer.utils.scope import in_scope

COMMAND = 'bash tools/misc/install_mmpose.sh  (what it does and why: docs/mmpose.md)'


@FACE_DETECTORS.register_module()
class MMPoseDetector(FaceDetector):
    """A top-down face model of mmpose, on boxes of another back end or on the whole image.

    Args:
        config: Config file of the mmpose model.
        checkpoint: Its weights. Defaults to None, the initial weights.
        detector: Config of the back end that finds the boxes; None takes each image as one face.
            Defaults to None.
        device: Device of the model. Defaults to 'cpu'.

    Raises:
        ImportError: If mmpose is not installed; names the command that installs it.

    Example:
        >>> dict(type='MMPoseDetector', config='rtmpose-t_face.py', checkpoint='rtmpose-t_face.pth',
        ...      detector=dict(type='MTCNN'))
    """

    def __init__(
        self,
        config: str,
        checkpoint: str | None = None,
        detector: dict | None = None,
        device: str = 'cpu',
    ) -> None:
        apis = require('mmpose.apis', COMMAND, 'The mmpose face detector')
        self._inference = apis.inference_topdown
        with in_scope('mmpose'):  # which mmpose would set for good
            self._model = apis.init_model(config, checkpoint, device=device)
        self._detector = None if detector is None else FACE_DETECTORS.build(detector)

    def _detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        if self._detector is None:
            boxes = [np.array([[0, 0, i.shape[1], i.shape[0]]], np.float32) for i in images]
        else:
            boxes = [faces.boxes for faces in self._detector.detect(images)]
        return [self._points(image, found) for image, found in zip(images, boxes)]

    def _points(self, image: np.ndarray, boxes: np.ndarray) -> Faces:
        if not len(boxes):
            return Faces.sorted(boxes, np.zeros(0), np.zeros((0, 5, 2)))
        with in_scope('mmpose'):  # which mmpose would set for good
            samples = self._inference(self._model, image, boxes, bbox_format='xyxy')
        points = np.stack([sample.pred_instances.keypoints[0] for sample in samples])
        scores = np.stack([sample.pred_instances.keypoint_scores[0].mean() for sample in samples])
        return Faces.sorted(boxes, np.clip(scores, 0, 1), to_five_points(points) + 0.5)
