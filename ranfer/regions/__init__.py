"""Region strategies: where on a face the crops are taken (RAN, section III-B)."""

from ranfer.regions.base import RegionStrategy
from ranfer.regions.dropout import RegionDropout
from ranfer.regions.fixed import FixedRegions
from ranfer.regions.grid import GridRegions
from ranfer.regions.landmark import LandmarkRegions
from ranfer.regions.random import RandomRegions

__all__ = [
    'FixedRegions',
    'GridRegions',
    'LandmarkRegions',
    'RandomRegions',
    'RegionDropout',
    'RegionStrategy',
]
