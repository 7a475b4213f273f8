"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping

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


def draw_learning_curves(curves: Mapping[str, np.ndarray], title: str = '') -> np.ndarray:
    """Draw losses and learning rate over training, and figures of the evaluations.

    Args:
        curves: Steps and values by name, ``(K, 2)``, as :func:`ranfer.visualization.read_scalars`
            returns them.
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
            if n.count('/') == 1 and not n.endswith('_count')
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
