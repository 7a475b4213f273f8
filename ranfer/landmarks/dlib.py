"""dlib: HOG face detector and a 68-point shape predictor."""

from collections.abc import Sequence

import numpy as np
from mmengine.utils import check_file_exist

from ranfer.landmarks.base import FaceDetector, Faces
from ranfer.landmarks.points import to_five_points
from ranfer.registry import FACE_DETECTORS
from ranfer.utils.dependencies import require

COMMAND = 'pip install dlib'


@FACE_DETECTORS.register_module()
class DlibDetector(FaceDetector):
    """Frontal face detector and shape predictor of dlib.

    Args:
        predictor: File of a 68-point shape predictor.
        upsample: How often an image is doubled before the search. Defaults to 1.

    Raises:
        ImportError: If dlib is not installed; names the command that installs it.
        FileNotFoundError: If there is no predictor file.

    Example:
        >>> dict(type='DlibDetector', predictor='shape_predictor_68_face_landmarks.dat')
    """

    def __init__(self, predictor: str, upsample: int = 1) -> None:
        dlib = require('dlib', COMMAND, 'The dlib face detector')
        check_file_exist(
            predictor, f'predictor: no file {predictor!r}; give a 68-point shape predictor of dlib'
        )
        self._search = dlib.get_frontal_face_detector()
        self._predict = dlib.shape_predictor(predictor)
        self._upsample = upsample

    def _detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        return [self._faces(np.ascontiguousarray(image[..., ::-1])) for image in images]

    def _faces(self, image: np.ndarray) -> Faces:
        found, scores, _ = self._search.run(image, self._upsample, 0.0)
        boxes = [[r.left(), r.top(), r.right() + 1, r.bottom() + 1] for r in found]
        shapes = [[[p.x, p.y] for p in self._predict(image, r).parts()] for r in found]
        points = to_five_points(np.asarray(shapes).reshape(-1, 68, 2)) + 0.5
        # The score is a margin without bound; 1 is a sure face.
        return Faces.sorted(np.asarray(boxes), np.clip(scores, 0, 1), points)
