"""The scalars that MMEngine writes while it trains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def read_scalars(path: str | Path) -> dict[str, np.ndarray]:
    """Read the scalars of a run.

    Args:
        path: A ``scalars.json``, or a work directory, whose newest run is read; logs of a resumed
            run are joined.

    Returns:
        dict[str, np.ndarray]: Steps and values by name, ``(K, 2)`` float. Training steps count
        iterations, those of the evaluation (names with ``/``) what the loop counts.

    Raises:
        FileNotFoundError: If there is no scalars.json.
        ValueError: If it holds no scalar.
    """
    path = Path(path)
    if path.is_dir():
        found = [p for p in path.glob('**/vis_data/scalars.json') if p.stat().st_size]
        if not found:
            raise FileNotFoundError(
                f'Work directory {str(path)!r} has no vis_data/scalars.json with content; give the '
                f'folder of a run that has logged something.'
            )
        in_time = sorted(found, key=lambda p: (p.parent.parent.name, p.stat().st_mtime))
        logs = [_read_log(p) for p in in_time]
        curves = _joined([log for log in logs if 'lr' in log] or logs[-1:])
    else:
        curves = _read_log(path)
    if not curves:
        raise ValueError(f'{str(path)!r} holds no scalar; expected the scalars.json of MMEngine.')
    return {name: np.array(points, float) for name, points in curves.items()}


def _read_log(path: Path) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in path.read_text(encoding='utf-8').splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the last line of a run that was interrupted
            continue
        if not isinstance(entry, dict):
            continue
        step = entry.get('step')
        for name, value in entry.items():
            if step is not None and name != 'step' and isinstance(value, (int, float)):
                curves.setdefault(name, []).append((step, value))
    return curves


def _joined(logs: list[dict[str, list]]) -> dict[str, list]:
    """Later logs replace earlier ones from where they begin; one of a first epoch replaces all."""
    curves: dict[str, list] = {}
    for log in logs:
        if log.get('epoch', [(0, 0)])[0][1] == 1:
            curves = {}
        for name, points in log.items():
            curves[name] = [p for p in curves.get(name, []) if p[0] < points[0][0]] + points
    return curves
