"""Converters from what the owners of a data set hand out to the annotation form of ranfer."""

from ranfer.datasets.converters.affectnet import convert_affectnet
from ranfer.datasets.converters.ferplus import convert_ferplus
from ranfer.datasets.converters.rafdb import convert_rafdb
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.sfew import convert_sfew
from ranfer.datasets.converters.source import Source

__all__ = [
    'ConversionError',
    'Report',
    'Source',
    'convert_affectnet',
    'convert_ferplus',
    'convert_rafdb',
    'convert_sfew',
]
