"""Use a trained model: images, folders, videos and cameras in, plain data out."""

from ranfer.apis.face_input import FaceInput
from ranfer.apis.inferencer import FERInferencer
from ranfer.apis.model_file import ModelFile, shipped_models
from ranfer.apis.results import Face, Region, Result, write_jsonl
from ranfer.apis.video import analyse_video

__all__ = [
    'FERInferencer',
    'Face',
    'FaceInput',
    'ModelFile',
    'Region',
    'Result',
    'analyse_video',
    'shipped_models',
    'write_jsonl',
]
