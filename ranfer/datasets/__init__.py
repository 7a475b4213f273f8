from ranfer.datasets.base import FERDataset
from ranfer.datasets.conditions import parse_condition_list
from ranfer.datasets.ferplus import FERPlus

__all__ = ['FERDataset', 'FERPlus', 'parse_condition_list']
