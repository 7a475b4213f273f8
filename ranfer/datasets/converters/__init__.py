"""Converters from what the owners of a data set hand out to the annotation form of ranfer."""

from ranfer.datasets.converters.affectnet import convert_affectnet
from ranfer.datasets.converters.ferplus import convert_ferplus
from ranfer.datasets.converters.folder import annotate_folder
from ranfer.datasets.converters.landmarks import extract_landmarks
from ranfer.datasets.converters.pose import annotate_pose
from ranfer.datasets.converters.rafdb import convert_rafdb
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.sfew import convert_sfew
from ranfer.datasets.converters.source import Source

__all__ = [
    'ConversionError',
    'Report',
    'Source',
    'annotate_folder',
    'annotate_pose',
    'convert_affectnet',
    'convert_ferplus',
    'convert_rafdb',
    'convert_sfew',
    'extract_landmarks',
]
