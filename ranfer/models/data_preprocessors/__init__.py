"""Data preprocessors: the step from the loader to the device."""

from ranfer.models.data_preprocessors.region_data_preprocessor import RegionDataPreprocessor

__all__ = ['RegionDataPreprocessor']
