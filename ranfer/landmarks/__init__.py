"""Face detection, five landmarks, alignment and head pose."""

from ranfer.landmarks.align import align_face, crop_face, similarity_transform
from ranfer.landmarks.base import FaceDetector, Faces
from ranfer.landmarks.dlib import DlibDetector
from ranfer.landmarks.head_pose import head_pose
from ranfer.landmarks.mmpose import MMPoseDetector
from ranfer.landmarks.mtcnn import MTCNN
from ranfer.landmarks.points import FIVE_POINTS, to_five_points

__all__ = [
    'FIVE_POINTS',
    'MTCNN',
    'DlibDetector',
    'FaceDetector',
    'Faces',
    'MMPoseDetector',
    'align_face',
    'crop_face',
    'head_pose',
    'similarity_transform',
    'to_five_points',
]
