"""Crops on a regular grid."""

from __future__ import annotations

import numpy as np

from ranfer.regions.fixed import FixedRegions
from ranfer.registry import REGIONS


@REGIONS.register_module()
class GridRegions(FixedRegions):
    """Equal crops that cover the image row by row.

    Args:
        rows: Number of rows. Defaults to 2.
        cols: Number of columns. Defaults to 2.
        overlap: Share of a crop's side that it has in common with its neighbour, in ``[0, 1)``.
            Defaults to 0.5.

    Raises:
        ValueError: If ``rows`` or ``cols`` is below 1 or ``overlap`` is outside ``[0, 1)``.

    Example:
        >>> grid = dict(type='GridRegions', rows=2, cols=3)
        >>> dict(type='ranfer.RegionCropTransform', strategy=grid)
    """

    def __init__(self, rows: int = 2, cols: int = 2, overlap: float = 0.5) -> None:
        if rows < 1 or cols < 1:
            raise ValueError(f'GridRegions needs rows >= 1 and cols >= 1, got {rows} and {cols}.')
        if not 0 <= overlap < 1:
            raise ValueError(f'GridRegions.overlap must be in [0, 1), got {overlap}.')
        top, bottom = _cells(rows, overlap)
        left, right = _cells(cols, overlap)
        x1, x2 = np.tile(left, rows), np.tile(right, rows)
        y1, y2 = np.repeat(top, cols), np.repeat(bottom, cols)
        super().__init__(np.stack([x1, y1, x2, y2], axis=1))


def _cells(count: int, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of ``count`` equal cells that cover [0, 1] with the given overlap."""
    length = 1 / (count - (count - 1) * overlap)
    start = np.arange(count) * length * (1 - overlap)
    return start, np.minimum(start + length, 1)
