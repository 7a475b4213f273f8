"""The interface of face detectors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Faces:
    """Faces of one image, best score first.

    Attributes:
        boxes: x1, y1, x2, y2 in pixels, float32, shape ``(K, 4)``; may reach beyond the image.
        scores: Confidence in [0, 1], float32, shape ``(K,)``.
        landmarks: Left eye, right eye, nose, left and right mouth corner (as seen in the image) in
            pixels, float32, shape ``(K, 5, 2)``.

    Coordinates count from the left and upper edge of the image (:mod:`ranfer.landmarks.align`).
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def sorted(cls, boxes: np.ndarray, scores: np.ndarray, landmarks: np.ndarray) -> 'Faces':
        """Faces in the order of their scores, from arrays of K faces or of none."""
        scores = np.asarray(scores, np.float32).reshape(-1)
        order = np.argsort(-scores, kind='stable')
        return cls(
            np.asarray(boxes, np.float32).reshape(-1, 4)[order],
            scores[order],
            np.asarray(landmarks, np.float32).reshape(-1, 5, 2)[order],
        )

    def main(self) -> int | None:
        """Index of the face with the largest area times score, None without a face."""
        if not len(self):
            return None
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return int((sides.prod(1) * self.scores).argmax())


class FaceDetector(ABC):
    """A back end that finds faces and five landmarks.

    Subclasses are registered in :data:`ranfer.registry.FACE_DETECTORS` and implement
    :meth:`_detect`.
    """

    def detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        """Find faces in a batch of images.

        Args:
            images: BGR images, uint8, each of its own shape ``(H, W, 3)``.

        Returns:
            list[Faces]: Faces of each image.

        Raises:
            ValueError: If an image has another shape or type.
        """
        for index, image in enumerate(images):
            if getattr(image, 'dtype', None) != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                got = f'{getattr(image, "dtype", type(image))} {getattr(image, "shape", "")}'
                raise ValueError(
                    f'images[{index}]: got {got}, expected a BGR image, uint8, of shape (H, W, 3); '
                    f'convert it with cv2.cvtColor and astype'
                )
        return self._detect(images) if len(images) else []

    @abstractmethod
    def _detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        """:meth:`detect` for at least one valid image."""
