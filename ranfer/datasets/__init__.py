"""Data sets: one file each on one base class, with one annotation form."""

from ranfer.datasets.affectnet import AffectNet
from ranfer.datasets.base import FERDataset
from ranfer.datasets.collate import collate_faces
from ranfer.datasets.conditions import parse_condition_list
from ranfer.datasets.ferplus import FERPlus
from ranfer.datasets.folder import FERFolder
from ranfer.datasets.rafdb import RAFDB
from ranfer.datasets.samplers import ClassBalancedSampler
from ranfer.datasets.sfew import SFEW
from ranfer.datasets.synthfer import SynthFER

__all__ = [
    'RAFDB',
    'SFEW',
    'AffectNet',
    'ClassBalancedSampler',
    'FERDataset',
    'FERFolder',
    'FERPlus',
    'SynthFER',
    'collate_faces',
    'parse_condition_list',
]
