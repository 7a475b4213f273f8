"""Learning curves from the scalars that MMEngine writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ranfer.visualization.figure import (
    LINE_COLOURS,
    LINE_STYLES,
    clean_axes,
    new_figure,
    plain,
    to_image,
)

Curves = dict[str, np.ndarray]


def read_scalars(path: str | Path) -> Curves:
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


def draw_learning_curves(curves: Mapping[str, np.ndarray], title: str = '') -> np.ndarray:
    """Draw losses and learning rate over training, and figures of the evaluations.

    Args:
        curves: Result of :func:`read_scalars`.
        title: Line above the picture. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8.

    Raises:
        ValueError: If there is nothing to draw.
    """
    losses = {n: c for n, c in curves.items() if '/' not in n and 'loss' in n}
    panels = {
        'training loss': losses,
        'evaluation in percent': {
            n.split('/', 1)[1]: c
            for n, c in curves.items()
            if '/' in n and n.count('/') == 1 and not n.endswith('_count')
        },
        'learning rate': {n: c for n, c in curves.items() if n == 'lr'},
    }
    panels = {name: panel for name, panel in panels.items() if panel}
    if not panels:
        raise ValueError(
            f'draw_learning_curves found no loss, learning rate or evaluation among '
            f'{sorted(curves)}; give the scalars of a training run.'
        )
    figure = new_figure(900, 60 + 280 * len(panels))
    for axes, (name, panel) in zip(np.ravel(figure.subplots(len(panels), 1)), panels.items()):
        _draw_panel(axes, panel)
        axes.set_ylabel(name, fontsize=12)
        is_evaluation = name.startswith('evaluation')
        axes.set_xlabel('evaluated after epoch or iteration' if is_evaluation else 'iteration')
        if name == 'learning rate':
            axes.set_yscale('log')
        elif len(panel) > 1:
            axes.legend(loc='center left', bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=11)
    figure.suptitle(plain(title) or 'learning curves', fontsize=13)
    return to_image(figure)


def _draw_panel(axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    for index, (name, points) in enumerate(curves.items()):
        axes.plot(
            points[:, 0],
            points[:, 1],
            color=LINE_COLOURS[index % len(LINE_COLOURS)],
            linestyle=LINE_STYLES[index % len(LINE_STYLES)],
            linewidth=2,
            marker='o' if len(points) <= 30 else None,
            markersize=4,
            label=f'{plain(name)}  {points[-1, 1]:.4g}',
        )
    axes.tick_params(labelsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color='#dddddd')
    clean_axes(axes)
