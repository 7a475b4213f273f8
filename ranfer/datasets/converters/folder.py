"""An annotation file from class folders."""

import os
from collections.abc import Sequence
from pathlib import Path

from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters.report import ConversionError
from ranfer.datasets.folder import FERFolder


def annotate_folder(
    folder: str | os.PathLike,
    out: str | os.PathLike | None = None,
    *,
    classes: Sequence[str] | None = None,
) -> list[str]:
    """List the images of class folders in an annotation file, whose folder becomes ``data_root``.

    Args:
        folder: Has one folder a class, as :class:`ranfer.datasets.FERFolder` reads them.
        out: Annotation file to write, in a folder that holds ``folder``. Defaults to ``folder``
            with ``.json``.
        classes: Names and order of the class folders. Defaults to all in alphabetic order.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If ``out`` lies elsewhere.
        FileNotFoundError: If ``folder`` or a class folder is missing.
        ValueError: If there is no class folder, or a class has no image.
    """
    source = Path(os.path.abspath(folder))
    target = Path(out or f'{source}.json')
    root = Path(os.path.abspath(target)).parent
    if not source.is_relative_to(root):
        raise ConversionError(
            f'out: got {str(target)!r}, expected a file in a folder that holds {str(folder)!r}; '
            f'choose one such as {f"{source}.json"!r}'
        )
    data = FERFolder(data_root=str(source), metainfo=dict(classes=classes), pipeline=[])
    infos = [data.get_data_info(index) for index in range(len(data))]
    rows = [
        {
            'img_path': Path(info['img_path']).relative_to(root).as_posix(),
            'gt_label': info['gt_label'],
        }
        for info in infos
    ]
    save_annotation(target, data.metainfo, rows)
    return [f'{len(rows)} images of {", ".join(data.metainfo["classes"])}', f'written: {target}']
