"""Faces cut by their box or by their landmarks."""

import cv2
import numpy as np
import pytest

from ranfer.apis import FaceInput
from ranfer.apis.cut_face import cut_face
from ranfer.landmarks.align import face_template, move_points

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)
ALIGNED = FaceInput(size=40, margin=-0.07, align=True, shift=-0.07)


@pytest.mark.parametrize('angle', [0, 40])
def test_alignment_brings_landmarks_to_their_places(angle):
    turn = cv2.getRotationMatrix2D((30, 40), angle, 0.4)
    landmarks = move_points(face_template(50), turn)
    face = FaceInput(size=40, margin=0.2, align=True, shift=-0.1)
    cut = cut_face(IMAGE, np.array([10.0, 10, 50, 60]), landmarks, face)
    np.testing.assert_allclose(cut.landmarks, face_template(40, 0.2) - [0, 4], atol=1e-6)
    [box] = cut.to_image(np.array([[0, 0, 40, 40]]))
    grown = np.cos(np.radians(angle)) + np.sin(np.radians(angle))  # the box around a turned square
    side = 0.4 * 50 * (1.4 / 1.2) * grown
    np.testing.assert_allclose(box[2:] - box[:2], side, rtol=1e-6)


def test_without_landmarks_an_aligning_model_gets_the_box():
    cut = cut_face(IMAGE, np.array([10.0, 10, 50, 50]), None, ALIGNED)
    np.testing.assert_allclose(cut.to_image(np.array([[0, 0, 40, 40]])), [[10, 10, 50, 50]])
