"""Faces of one's own: one folder a class."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.logging import print_log

from ranfer.datasets.base import FERDataset
from ranfer.datasets.names import IMAGE_SUFFIXES, UNREAD_SUFFIXES, is_litter, is_safe
from ranfer.registry import DATASETS


@DATASETS.register_module()
class FERFolder(FERDataset):
    """Class folders ``<data_root>/<class>/.../image.jpg``, or an annotation file made from them.

    Args:
        ann_file: Annotation file, for example with landmarks filled in by ``extract_landmarks.py``.
            Defaults to '': the folders are read.
        metainfo: ``dict(classes=[...])`` gives names and order of the class folders; a warning
            names folders that it leaves out. Defaults to all folders in alphabetic order.
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Raises:
        FileNotFoundError: If a class folder is missing.
        ValueError: If there is no class folder, a class has no image, is named twice or by no name.

    Example:
        >>> dict(type='ranfer.FERFolder', data_root='data/my_faces',
        ...      metainfo=dict(classes=['calm', 'joy']), pipeline=[])
    """

    def _load_rows(self) -> tuple[dict, list[dict]]:
        if self.ann_file:
            return super()._load_rows()
        root = Path(self.data_prefix.get('img_path') or self.data_root)
        if not root.is_dir():
            raise FileNotFoundError(f'data_root: no folder {str(root)!r}; {self.hint}')
        folders = (p.name for p in root.iterdir() if p.is_dir())
        found = sorted(name for name in folders if name[0] != '.' and not is_litter(name))
        classes = self._metainfo.get('classes') or found
        if not classes:
            raise ValueError(
                f'data_root: {str(root)!r} has no folders, expected one folder a class with its '
                f'images; sort the images into class folders'
            )
        _check_names(classes, root)
        unlisted = [name for name in found if name not in classes]
        if unlisted:
            print_log(
                f'FERFolder: folders of {str(root)!r} that metainfo.classes does not name are left '
                f'out: {", ".join(unlisted)}',
                'current',
                level=logging.WARNING,
            )
        rows = []
        for label, name in enumerate(classes):
            rows += self._class_rows(root, name, label)
        return {'dataset': root.name, 'classes': list(classes)}, rows

    def _class_rows(self, root: Path, name: str, label: int) -> list[dict]:
        folder = root / name
        if not folder.is_dir():
            raise FileNotFoundError(
                f'classes: no folder {str(folder)!r} for class {name!r}; correct data_root or '
                f'metainfo=dict(classes=...)'
            )
        files = [path.relative_to(root).as_posix() for path in _files(folder)]
        paths = sorted(f for f in files if f.lower().endswith(IMAGE_SUFFIXES) and not is_litter(f))
        unread = sum(f.lower().endswith(UNREAD_SUFFIXES) for f in files)
        if unread:
            print_log(
                f'FERFolder: {str(folder)!r} has HEIC, HEIF or AVIF images ({unread}), which '
                f'cannot be read and are left out; convert them to JPEG',
                'current',
                level=logging.WARNING,
            )
        if not paths:
            raise ValueError(
                f'classes: folder {str(folder)!r} has no image ({", ".join(IMAGE_SUFFIXES)}), '
                f'expected at least one for class {name!r}; add images or remove the folder'
            )
        return [{'img_path': path, 'gt_label': label} for path in paths]


def _files(folder: Path) -> Iterator[Path]:
    """Files at any depth; links are followed but for those that lead back up."""
    for base, folders, files in os.walk(folder, followlinks=True):
        here = Path(base).resolve()
        folders[:] = [name for name in folders if not here.is_relative_to((here / name).resolve())]
        yield from (Path(base, name) for name in files)


def _check_names(classes: Sequence[str], root: Path) -> None:
    """See that classes have the names of different folders."""
    for name, count in Counter(classes).items():
        if type(name) is not str or not is_safe(name):
            raise ValueError(
                f'classes: got {name!r}, expected the name of a folder in {str(root)!r}; '
                f'correct metainfo=dict(classes=...)'
            )
        if count > 1:
            raise ValueError(
                f'classes: got {name!r} more than once, expected different names; correct '
                f'metainfo=dict(classes=...)'
            )
