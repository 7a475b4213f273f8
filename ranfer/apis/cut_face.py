"""A face cut out of an image as a model wants it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ranfer.apis.face_input import FaceInput
from ranfer.landmarks import crop_face
from ranfer.landmarks.align import (
    face_template,
    move_boxes,
    move_points,
    similarity_transform,
    warp_face,
)


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
        """Move boxes ``(k, 4)`` from face pixels to the upright boxes around them in the image."""
        return move_boxes(boxes, cv2.invertAffineTransform(self.matrix))


def cut_face(
    image: np.ndarray, box: np.ndarray, landmarks: np.ndarray | None, face: FaceInput
) -> CutFace:
    """Cut a face out of an image as a model wants it.

    Args:
        image: BGR, uint8, ``(H, W, 3)``.
        box: xyxy in pixels.
        landmarks: ``(5, 2)`` in pixels, or None.
        face: Size, margin, alignment, shift and colour. Without landmarks nothing is aligned.

    Raises:
        ValueError: If the box or the landmarks are degenerate.
    """
    if face.align and landmarks is not None:
        target = face_template(face.size, face.margin, face.shift)
        matrix = similarity_transform(landmarks, target)
        cut = warp_face(image, matrix, face.size)
    else:
        margin = face.cut_by(align=False).margin
        cut, matrix = crop_face(image, box, face.size, margin)
    if face.grey:
        cut = cv2.cvtColor(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return CutFace(cut, matrix, None if landmarks is None else move_points(landmarks, matrix))
