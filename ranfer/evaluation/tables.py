"""Figures as text: Markdown tables, and the mean of several runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table: first column left, the others right."""
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]

    def layout(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return f'| {" | ".join(padded)} |'

    rule = ['-' * widths[0]] + ['-' * (width - 1) + ':' for width in widths[1:]]
    return '\n'.join([layout(head), layout(rule), *map(layout, rows)])


def mean_and_spread(values: Sequence[float]) -> str:
    """Mean of some runs and, where there are several, their standard deviation, as text."""
    mean = f'{statistics.mean(values):.2f}'
    return mean if len(values) == 1 else f'{mean} ± {statistics.stdev(values):.2f}'
