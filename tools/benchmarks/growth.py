"""Growth of RAN's training step: ``python tools/benchmarks/growth.py``.

Whether time and memory grow linearly with the samples N and the regions R, on ready batches.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable

import numpy as np
from common import (
    REGIONS,
    medians,
    parse_args,
    peak_memory,
    ran_model,
    region_batch,
    report,
    training_step,
)


def linearity(args: argparse.Namespace) -> list[dict]:
    """Time and memory of a training step over N at R = 6 and over R at fixed N."""
    size, fixed = 64, 4 if args.quick else 32
    counts = (2, 4) if args.quick else (16, 32, 64, 128)
    if args.device == 'cuda':  # sizes that fill it
        fixed, counts = 8 * fixed, tuple(8 * n for n in counts)
    regions = (2, 4) if args.quick else (3, 6, 12, 24)
    model = ran_model(True, args.device)
    grid = [(n, REGIONS) for n in counts] + [(fixed, r) for r in regions]
    steps = {}
    for n, r in dict.fromkeys(grid):
        data = region_batch(n, r, size, True, args.device)
        steps[n, r] = training_step(model, data, False, args.device)
    seconds = medians(steps, args.repeats, args.device)
    rows = []
    for varied, points in (('N', grid[: len(counts)]), ('R', grid[len(counts) :])):
        for n, r in points:
            rows.append(
                dict(
                    varied=varied,
                    N=n,
                    R=r,
                    train_ms=seconds[n, r] * 1e3,
                    peak_MiB=median_peak(steps[n, r], args.device),
                )
            )
    return rows


def median_peak(step: Callable[[], None], device: str) -> float | None:
    """Median of three, since the gaps of the heap differ from one to the next."""
    peaks = [peak_memory(step, device) for _ in range(3)]
    return None if None in peaks else statistics.median(peaks)


def slopes(rows: list[dict]) -> list[dict]:
    """Slope of the cost over N and over R in a log-log plot: 1 means proportional."""
    found = []
    for varied in ('N', 'R'):
        points = [row for row in rows if row['varied'] == varied]
        x = np.log([row[varied] for row in points])
        for cost in ('train_ms', 'peak_MiB'):
            if all(row[cost] for row in points):
                slope = np.polyfit(x, np.log([row[cost] for row in points]), 1)[0]
                found.append(dict(cost=cost, over=varied, slope=float(slope), wanted='0.9 to 1.1'))
    return found


def draw(rows: list[dict], path: str) -> None:
    """Plot the growth of time and memory over N and R, on logarithmic axes."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout='constrained')
    for axis, (cost, label) in zip(
        axes, (('train_ms', 'training step [ms]'), ('peak_MiB', 'peak memory [MiB]'))
    ):
        for varied, mark in (('N', 'o-'), ('R', 's-')):
            points = [row for row in rows if row['varied'] == varied and row[cost]]
            crops = [row['N'] * row['R'] for row in points]
            other = 'R = 6' if varied == 'N' else f'N = {points[0]["N"]}'
            axis.loglog(crops, [row[cost] for row in points], mark, label=f'over {varied}, {other}')
        ends = np.array([min(crops), max(crops)])
        axis.loglog(ends, points[0][cost] * ends / crops[0], 'k:', label='proportional')
        axis.set(xlabel='crops N x R', ylabel=label)
        axis.set_xticks(crops, [str(n) for n in crops])
        axis.set_xticks([], minor=True)
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter('{x:g}')
        axis.yaxis.set_minor_formatter('')
        axis.legend()
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    args = parse_args(__doc__.split('\n')[0], picture='')
    rows = linearity(args)
    if args.picture:
        draw(rows, args.picture)
    report(args, 'growth', {'Growth': rows, 'Slopes': slopes(rows)})


if __name__ == '__main__':
    main()
