"""FERPlus: the FER2013 faces with the votes of ten people (Barsoum et al. 2016)."""

from ranfer.datasets.base import FERDataset
from ranfer.registry import DATASETS

_CLASSES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt')


@DATASETS.register_module()
class FERPlus(FERDataset):
    """FERPlus, 48x48 grey faces, 8 classes.

    Every figure belongs to a label protocol (majority, argmax, probability or lists), which the
    converter writes into the annotation's ``metainfo['protocol']``. With ``use_distribution=True``
    samples carry the vote distribution over the 8 classes.

    Args:
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Example:
        >>> dict(type='ranfer.FERPlus', data_root='data/ferplus', ann_file='train.json',
        ...      use_distribution=True, pipeline=[])
    """

    METAINFO = {'dataset': 'FERPlus', 'classes': _CLASSES}
    CONVERTER = 'python tools/dataset_converters/ferplus.py SOURCE --out data/ferplus'
