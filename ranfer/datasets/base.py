"""Base class of all data sets of ranfer."""

import logging
import os
import os.path as osp
import pickle
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from mmengine.fileio import join_path
from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset

from ranfer.datasets.annotation import check_rows, load_annotation, no_garbage_collection
from ranfer.datasets.matching import add_conditions
from ranfer.datasets.transforms.loading import UnreadableImageError
from ranfer.registry import DATASETS


@DATASETS.register_module()
class FERDataset(BaseDataset):
    """Faces with an expression label, in the annotation form of :mod:`ranfer.datasets.annotation`.

    A sample has ``img_path``, ``sample_idx``, ``gt_label`` (int), ``conditions`` (tuple of names)
    and, where the annotation has them, ``gt_score`` (float32, shape ``(C,)``, only with
    ``use_distribution``), ``gt_keypoints`` (float32, shape ``(1, 5, 3)``: x, y in pixels and
    visibility 0 or 1) and ``gt_bboxes`` (float32, shape ``(1, 4)``, xyxy in pixels).

    Args:
        ann_file: Annotation file, relative to ``data_root``.
        data_root: Folder of the data set. Defaults to ''.
        data_prefix: Folder below ``data_root`` that is put before every path, also in the form
            ``dict(img_path=...)``. Defaults to no prefix.
        conditions: Condition name -> list file (:mod:`ranfer.datasets.conditions`). Images named in
            the list carry the condition; where a list has type codes they also carry
            ``'<condition>_<code>'``. Names that are not in the split are counted and reported; if
            none is, it is the wrong list and an error. Defaults to None.
        use_distribution: Whether samples carry the label distribution ``gt_score`` beside the
            label. Defaults to False.
        skip_bad: Whether an unreadable image is replaced by another sample while training. It is
            warned about once a file (and worker) and counted in :attr:`bad_images`; with
            ``test_mode`` an unreadable image is always an error. Defaults to False.
        **kwargs: Further arguments of :class:`mmpretrain.datasets.BaseDataset` such as
            ``pipeline``, ``indices``, ``metainfo``, ``test_mode``, ``lazy_init`` and
            ``serialize_data``.

    Raises:
        FileNotFoundError: If data root, annotation file or a condition list is missing.
        ValueError: If the annotation is wrong (see :func:`~ranfer.datasets.annotation.check_rows`),
            its classes are not those of the data set, ``use_distribution`` finds none, or a
            condition list names no image of the split.

    Example:
        >>> train = dict(
        ...     type='ranfer.FERPlus', data_root='data/ferplus', ann_file='test.json',
        ...     conditions=dict(occlusion='lists/occlusion.txt'), test_mode=True, pipeline=[])
    """

    CONVERTER = ''
    """Command that makes the annotation file, named in errors."""

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        data_prefix: str | dict | None = None,
        conditions: Mapping[str, str] | None = None,
        use_distribution: bool = False,
        skip_bad: bool = False,
        **kwargs,
    ) -> None:
        if conditions is not None and not isinstance(conditions, Mapping):
            raise ValueError(
                f'conditions: got {conditions!r}, expected a mapping from condition name to list '
                f"file; write conditions=dict(occlusion='list.txt')"
            )
        for name, file in (conditions or {}).items():
            if not isinstance(file, (str, os.PathLike)):
                raise ValueError(
                    f'conditions: {name!r} has {file!r}, expected the path of a list file; give '
                    f'one or remove the name'
                )
        self.condition_lists = dict(conditions or {})
        self.use_distribution = use_distribution
        self.skip_bad = skip_bad
        self.bad_images: set[str] = set()
        if not isinstance(data_prefix, str):
            data_prefix = {'img_path': '', **(data_prefix or {})}
        super().__init__(
            ann_file=ann_file,
            data_root=osp.expanduser(data_root),
            data_prefix=data_prefix,
            **kwargs,
        )

    @property
    def hint(self) -> str:
        """What to do when files are missing."""
        if self.CONVERTER:
            return f'run `{self.CONVERTER}` or correct data_root and ann_file'
        return 'correct data_root and ann_file'

    def full_init(self) -> None:
        """Load the annotation if that has not been done."""
        with no_garbage_collection():
            super().full_init()

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """The parent's form (pickled rows end to end, and the ends) without an array a row."""
        rows = [pickle.dumps(row, protocol=4) for row in self.data_list]
        self.data_list.clear()
        ends = np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)))
        return np.frombuffer(b''.join(rows), dtype=np.uint8), ends

    def load_data_list(self) -> list[dict]:
        """Read, check and complete the rows; see the class for the errors."""
        self._check_root()
        metainfo, rows = self._load_rows()
        self._merge_metainfo(metainfo)
        classes = self._metainfo.get('classes')
        check_rows(rows, self.ann_file or self.data_root, len(classes) if classes else None)
        if self.use_distribution:
            self._require_distribution(rows)
        else:
            for row in rows:
                row.pop('gt_score', None)
        if self.condition_lists:
            add_conditions(rows, self.condition_lists, self.condition_key, type(self).__name__)
        return rows

    def _check_root(self) -> None:
        root = self.data_root
        if root and '://' not in root and not osp.isdir(root):
            raise FileNotFoundError(f'data_root: no folder {root!r}; {self.hint}')

    def _load_rows(self) -> tuple[dict, list[dict]]:
        if not self.ann_file:
            raise ValueError(
                f"ann_file: got '', expected the name of an annotation file; {self.hint}"
            )
        annotation = load_annotation(self.ann_file, self.hint)
        return annotation['metainfo'], annotation['data_list']

    def _merge_metainfo(self, metainfo: dict) -> None:
        """Take over the file's metainfo, which must not contradict the classes known before."""
        known, found = self._metainfo.get('classes'), metainfo.get('classes')
        if known is not None and found is not None and list(known) != list(found):
            raise ValueError(
                f'classes: {self.ann_file!r} has {list(found)}, {type(self).__name__} expects '
                f'{list(known)}; use the data set class that the file was made for or '
                f"metainfo=dict(classes=...) with the file's classes"
            )
        for key, value in metainfo.items():
            if self._metainfo.get(key) is None:
                self._metainfo[key] = value

    def _require_distribution(self, rows: list[dict]) -> None:
        missing = sum(row.get('gt_score') is None for row in rows)
        if missing:
            raise ValueError(
                f'use_distribution: {missing} of {len(rows)} rows of {self.ann_file!r} have no '
                f'gt_score; set use_distribution=False or convert with a label distribution'
            )

    def condition_key(self, name: str) -> str:
        """Form of an image name (no folder, no suffix) by which lists and rows are matched."""
        return name

    def get_data_info(self, idx: int) -> dict:
        """Sample without image.

        Args:
            idx: Index of the sample.

        Returns:
            dict: The keys described in the class.
        """
        info = super().get_data_info(idx)
        for key, prefix in self.data_prefix.items():
            if prefix:
                info[key] = join_path(prefix, info[key])
        keypoints = info.pop('keypoints', None)
        visible = info.pop('keypoints_visible', None)
        if keypoints is not None:
            points = np.ones((1, 5, 3), dtype=np.float32)
            points[0, :, :2] = keypoints
            if visible is not None:
                points[0, :, 2] = np.asarray(visible) > 0
            info['gt_keypoints'] = points
        bbox = info.pop('bbox', None)
        if bbox is not None:
            info['gt_bboxes'] = np.asarray([bbox], dtype=np.float32)
        if info.get('gt_score') is not None:
            info['gt_score'] = np.asarray(info['gt_score'], dtype=np.float32)
        info['conditions'] = tuple(info.get('conditions') or ())
        return info

    def prepare_data(self, idx: int) -> dict | None:
        """Sample after the pipeline; None for an unreadable image with ``skip_bad``.

        Args:
            idx: Index of the sample.

        Returns:
            dict: What the pipeline made of the sample.

        Raises:
            ranfer.datasets.transforms.UnreadableImageError: If the image cannot be read.
            ValueError: If ``skip_bad`` has found no readable image at all.
        """
        try:
            return super().prepare_data(idx)
        except UnreadableImageError as error:
            if not self.skip_bad or self.test_mode:
                raise
            if error.path not in self.bad_images:
                self.bad_images.add(error.path)
                sentence = f'img_path: {error.path!r} {error.reason}; skipped.'
                print_log(sentence, 'current', level=logging.WARNING)
            if len(self.bad_images) >= self._num_images:
                raise ValueError(
                    f'skip_bad: none of the {self._num_images} images of {self.ann_file!r} can be '
                    f'read, first {min(self.bad_images)!r}; {self.hint}'
                ) from error
            return None

    @cached_property
    def _num_images(self) -> int:
        """Number of different files; rows may name a file several times."""
        return len({self.get_data_info(index)['img_path'] for index in range(len(self))})
