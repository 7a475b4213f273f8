"""AffectNet (Mollahosseini et al. 2017)."""

from ranfer.datasets.annotation import check_rows
from ranfer.datasets.base import FERDataset
from ranfer.registry import DATASETS

_CLASSES = ('neutral', 'happy', 'sad', 'surprise', 'fear', 'disgust', 'anger', 'contempt')


@DATASETS.register_module()
class AffectNet(FERDataset):
    """AffectNet with 8 classes, or with 7 (without contempt) from the same annotation file.

    Training is unbalanced by a factor of about 35; :class:`ranfer.datasets.ClassBalancedSampler`
    does the over-sampling of the paper. MMEngine's ``ClassBalancedDataset`` balances in part.

    Args:
        num_classes: 8 or 7. Defaults to 8.
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Raises:
        ValueError: If ``num_classes`` is neither, or not the number of names in ``metainfo``.

    Example:
        >>> dict(type='ranfer.AffectNet', data_root='data/affectnet', ann_file='valid.json',
        ...      num_classes=7, pipeline=[])
    """

    METAINFO = {'dataset': 'AffectNet', 'classes': _CLASSES}
    CONVERTER = 'python tools/dataset_converters/affectnet.py SOURCE --out data/affectnet'

    def __init__(self, *args, num_classes: int = 8, **kwargs) -> None:
        if num_classes not in (7, 8):
            raise ValueError(
                f'num_classes: got {num_classes!r}, expected 7 (without contempt) or 8; '
                f'set one of them'
            )
        self.num_classes = num_classes
        if kwargs.get('classes') is None:
            kwargs['classes'] = _CLASSES[:num_classes]
        super().__init__(*args, **kwargs)

    def _load_rows(self) -> tuple[dict, list[dict]]:
        """Rows and class names without contempt if there are seven classes."""
        names = self._metainfo.get('classes')
        if names and len(names) != self.num_classes:
            raise ValueError(
                f'num_classes: got {self.num_classes} with {len(names)} names in '
                f'metainfo.classes, expected one name a class; correct one of them'
            )
        metainfo, rows = super()._load_rows()
        if self.num_classes == 8:
            return metainfo, rows
        check_rows(rows, self.ann_file, num_classes=8)
        if metainfo.get('classes'):
            metainfo['classes'] = metainfo['classes'][:7]
        rows = [row for row in rows if row['gt_label'] < 7]
        for row in rows:
            score = row.get('gt_score')
            if score is not None:
                total = sum(score[:7])
                row['gt_score'] = [s / total for s in score[:7]] if total else None
        return metainfo, rows
