"""Head pose of every face of an annotation file, and the lists of faces with a large pose."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ranfer.datasets.annotation import load_rows
from ranfer.datasets.converters.report import ConversionError
from ranfer.landmarks.head_pose import head_pose

ANGLES = ('yaw', 'pitch', 'roll')


def annotate_pose(
    ann_file: str,
    out: str,
    *,
    degrees: Sequence[float] = (30, 45),
    angles: Sequence[str] = ('yaw',),
) -> list[str]:
    """Write ``pose.csv`` and a condition list ``pose<degrees>.txt`` for each limit.

    The lists are those of ``conditions=dict(pose30=..., pose45=...)`` of the data sets.

    Args:
        ann_file: Annotation file with landmarks.
        out: Output folder.
        degrees: Limits; a face belongs to a list when its angle is larger. Defaults to (30, 45).
        angles: Which of yaw, pitch and roll count; the largest of them decides. Defaults to yaw.

    Returns:
        list[str]: Lines of the report.

    Raises:
        ConversionError: If no row has landmarks or an angle is unknown.
        FileNotFoundError: If there is no annotation file.
        ValueError: If it is no annotation file, or a row is wrong.
    """
    if not angles or not set(angles) <= set(ANGLES):
        raise ConversionError(f'angles: got {list(angles)}, expected some of {", ".join(ANGLES)}')
    rows = load_rows(ann_file, 'make it with a converter first')
    poses = {row['img_path']: pose for row in rows if (pose := _pose(row)) is not None}
    if not poses:
        raise ConversionError(
            f'keypoints: no row of {ann_file!r} has five visible landmarks; run '
            f'`python tools/dataset_converters/extract_landmarks.py {ann_file}` first'
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / 'pose.csv').open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['img_path', *ANGLES])
        writer.writerows([path, *np.round(pose, 2).tolist()] for path, pose in poses.items())
    columns = [ANGLES.index(angle) for angle in angles]
    lines = [f'pose of {len(poses)} of {len(rows)} images: {folder / "pose.csv"}']
    for limit in degrees:
        large = [path for path, pose in poses.items() if np.abs(pose[columns]).max() > limit]
        target = folder / f'pose{limit:g}.txt'
        target.write_text(''.join(map(_line, large)), encoding='utf-8')
        lines.append(f'{" or ".join(angles)} above {limit:g} degrees: {len(large)} ({target})')
    return lines


def _line(path: str) -> str:
    """Line of a condition list, in which a leading ``#`` would make a comment."""
    return f'./{path}\n' if path.startswith('#') else f'{path}\n'


def _pose(row: dict) -> np.ndarray | None:
    """Yaw, pitch and roll, or None without five usable landmarks.

    A row that marks landmarks as hidden but knows their places (as drawn faces do) counts too.
    """
    points = row.get('keypoints')
    if points is None or not np.any(points):
        return None
    try:
        return head_pose(np.asarray(points))
    except ValueError:
        return None
