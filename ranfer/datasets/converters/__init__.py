from ranfer.datasets.converters.ferplus import convert_ferplus
from ranfer.datasets.converters.report import ConversionError, Report
from ranfer.datasets.converters.source import Source

__all__ = ['ConversionError', 'Report', 'Source', 'convert_ferplus']
