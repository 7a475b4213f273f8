"""SFEW 2.0: film faces (Dhall et al. 2011)."""

from ranfer.datasets.base import FERDataset
from ranfer.registry import DATASETS


@DATASETS.register_module()
class SFEW(FERDataset):
    """SFEW 2.0, 7 classes; 958 training and 436 validation frames (aligned faces: 891 and 431).

    Args:
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Example:
        >>> dict(type='ranfer.SFEW', data_root='data/sfew', ann_file='valid.json', pipeline=[])
    """

    METAINFO = {
        'dataset': 'SFEW',
        'classes': ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise'),
    }
    CONVERTER = 'python tools/dataset_converters/sfew.py SOURCE --out data/sfew'
