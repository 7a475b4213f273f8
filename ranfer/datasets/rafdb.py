"""RAF-DB, basic expressions (Li et al. 2017)."""

import re

from ranfer.datasets.base import FERDataset
from ranfer.registry import DATASETS

_NAME = re.compile(r'(train|test)_0*(\d+)')


@DATASETS.register_module()
class RAFDB(FERDataset):
    """RAF-DB with its 7 basic expressions; 12271 training and 3068 test images.

    Lists may write an image as ``test_0003_aligned``, ``test_00003`` or ``test_0003.jpg``.

    Args:
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Example:
        >>> dict(type='ranfer.RAFDB', data_root='data/rafdb', ann_file='test.json',
        ...      conditions=dict(occlusion='lists/rafdb_occlusion_list.txt'), pipeline=[])
    """

    METAINFO = {
        'dataset': 'RAF-DB',
        'classes': ('surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'),
    }
    CONVERTER = 'python tools/dataset_converters/rafdb.py SOURCE --out data/rafdb'

    def condition_key(self, name: str) -> str:
        """Split and number of an image name, whatever the zeros and endings."""
        match = _NAME.search(name)
        return f'{match[1]}_{match[2]}' if match else name
