"""Cost of the models alone: ``python tools/benchmarks/model.py``.

Ready batches, no loader: six crops at the price of six images, the shared form at the price of one,
both against a loop over the regions; utilisation against the fastest matrix product; and whether
time and memory grow linearly with the samples N and the regions R. On a GPU the training step of
RAN is timed under torch.compile too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import numpy as np
import torch
from authors_loop import LoopRAN
from common import (
    RESNET18,
    SETTINGS,
    count_flops,
    forward_step,
    images,
    labels,
    matmul_ceiling,
    medians,
    paper_rois,
    parse_args,
    peak_memory,
    plain_model,
    ran_model,
    report,
    shared_model,
    training_step,
)

REGIONS = 6
FORMS = ('RAN', 'RAN shared')
STOCK = 'torch convolution'
SMALL = 64  # pixels of crops whose last stages SmallMapConv2d computes
FASTEST = 'bf16 channels_last'
COMPILED = f'{FASTEST} compiled'
Steps = tuple[Callable[[], None] | None, Callable[[], None]]


def region_batch(count: int, regions: int, size: int, last: bool, device: str) -> dict:
    """What RAN takes: crops, samples and the mask of ``count`` faces."""
    return dict(
        inputs=images(count * regions, size, last, device),
        data_samples=labels(count, device),
        region_mask=torch.ones(count, regions, dtype=torch.bool, device=device),
    )


def all_cases(batch: int, size: int, setting: str, device: str) -> dict[str, Steps]:
    """Name -> (forward, forward and backward) of one setting."""
    bf16, last = SETTINGS[setting]
    regions = region_batch(batch, REGIONS, size, last, device)
    crops, samples, mask = regions.values()
    faces = crops[:batch]
    rois = paper_rois(batch, size, device)
    inputs = {
        f'plain, {REGIONS}N crops': (
            plain_model(last, device),
            dict(inputs=crops, data_samples=labels(batch * REGIONS, device)),
        ),
        'RAN': (
            ran_model(last, device),
            regions,
        ),
        'plain, N faces': (
            plain_model(last, device),
            dict(inputs=faces, data_samples=samples),
        ),
        'RAN shared': (
            shared_model(size, last, device),
            dict(inputs=faces, data_samples=samples, region_mask=mask, rois=rois),
        ),
    }
    if size <= SMALL:
        inputs[f'RAN, {STOCK}'] = ran_model(last, device, RESNET18), inputs['RAN'][1]
        shared = shared_model(size, last, device, RESNET18)
        inputs[f'RAN shared, {STOCK}'] = shared, inputs['RAN shared'][1]
    cases = {
        name: (forward_step(model, data, bf16, device), training_step(model, data, bf16, device))
        for name, (model, data) in inputs.items()
    }
    if setting == 'fp32':
        cases['loop over regions'] = loop_case(batch, size, device)
    return cases


def compiled_case(batch: int, size: int, device: str) -> Steps:
    """RAN's training step as one compiled graph in the fastest setting; no forward pass."""
    bf16, last = SETTINGS[FASTEST]
    model = ran_model(last, device)
    model.compile(dynamic=False, fullgraph=True)
    data = region_batch(batch, REGIONS, size, last, device)
    return None, training_step(model, data, bf16, device)


def loop_case(batch: int, size: int, device: str) -> Steps:
    """The loop over regions as released: fp32 in PyTorch's default memory format."""
    model = LoopRAN().to(device)
    regions = torch.randn(batch, 3, size, size, REGIONS, device=device)
    target = torch.arange(batch, device=device) % 8

    def forward() -> None:
        model.eval()
        with torch.inference_mode():
            model(regions)
        model.train()

    def train() -> None:
        model.zero_grad(set_to_none=True)
        model.loss(regions, target).backward()

    return forward, train


def cost_table(
    args: argparse.Namespace, sizes: dict[int, int]
) -> tuple[list[dict], list[dict], dict[str, float]]:
    """Cost of every model, the ratios that matter and the ceilings in GFLOP/s."""
    ceilings = {
        bf16: matmul_ceiling(torch.bfloat16 if bf16 else torch.float32, args.device, args.quick)
        for bf16 in (False, True)
    }
    rows, ratios = [], []
    for size, batch in sizes.items():
        cases = {
            (setting, name): steps
            for setting in SETTINGS
            for name, steps in all_cases(batch, size, setting, args.device).items()
        }
        flops_of = {name: count_flops(step) for (_, name), (_, step) in cases.items()}
        if args.device == 'cuda':
            cases[COMPILED, 'RAN'] = compiled_case(batch, size, args.device)
        passes = {key: forward for key, (forward, _) in cases.items() if forward}
        forward = medians(passes, args.repeats, args.device)
        train = medians({k: v[1] for k, v in cases.items()}, args.repeats, args.device)
        for (setting, name), (_, step) in cases.items():
            key = (setting, name)
            flops = flops_of[name]
            rows.append(
                dict(
                    pixels=size,
                    batch=batch,
                    setting=setting,
                    model=name,
                    forward_ms=forward[key] * 1e3 if key in forward else None,
                    train_ms=train[key] * 1e3,
                    samples_per_s=batch / train[key],
                    peak_MiB=peak_memory(step, args.device),
                    GFLOP=flops / 1e9,
                    GFLOP_per_s=flops / train[key] / 1e9,
                    utilisation=flops / train[key] / ceilings['bf16' in setting],
                )
            )
        ratios.extend(_ratios(size, batch, forward, train))
    return rows, ratios, {'fp32': ceilings[False] / 1e9, 'bf16': ceilings[True] / 1e9}


def _ratios(size: int, batch: int, forward: dict, train: dict) -> list[dict]:
    pairs = [
        ('RAN / plain on 6N crops', 'RAN', 'plain, 6N crops', '<= 1.05'),
        ('RAN shared / plain on N faces', 'RAN shared', 'plain, N faces', '<= 1.5'),
        ('RAN / RAN shared', 'RAN', 'RAN shared', '>= 3.5'),
    ]
    if size <= SMALL:
        pairs += [
            (f'RAN, {STOCK} / plain on 6N crops', f'RAN, {STOCK}', 'plain, 6N crops', '<= 1.05')
        ]
        pairs += [(f'{x}: {STOCK} / SmallMapConv2d', f'{x}, {STOCK}', x, '-') for x in FORMS]
    found = [
        (setting, label, (setting, a), (setting, b), wanted)
        for setting in SETTINGS
        for label, a, b, wanted in pairs
    ]
    loop = ('fp32', 'loop over regions')
    limits = {'fp32': None, 'fp32 channels_last': '>= 1.4', FASTEST: '>= 2', COMPILED: '>= 2'}
    found += [
        (setting, 'loop in fp32 / RAN', loop, (setting, 'RAN'), wanted)
        for setting, wanted in limits.items()
        if (setting, 'RAN') in train
    ]
    return [
        dict(
            pixels=size,
            batch=batch,
            setting=setting,
            ratio=label,
            forward=forward[a] / forward[b] if b in forward else None,
            train=train[a] / train[b],
            wanted=wanted,
        )
        for setting, label, a, b, wanted in found
    ]


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
            memory = peak_memory(steps[n, r], args.device)
            rows.append(
                dict(varied=varied, N=n, R=r, train_ms=seconds[n, r] * 1e3, peak_MiB=memory)
            )
    return rows


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
    torch.backends.cudnn.benchmark = True  # as in the configs
    sizes = {32: 2} if args.quick else {224: 4, 64: 32}
    if args.device == 'cuda':
        sizes = {224: 64, 64: 256}
    costs, ratios, ceilings = cost_table(args, sizes)
    growth = linearity(args)
    if args.picture:
        draw(growth, args.picture)
    report(
        args,
        'model',
        {'Cost': costs, 'Ratios': ratios, 'Growth': growth, 'Slopes': slopes(growth)},
        matmul_GFLOP_per_s=ceilings,
    )


if __name__ == '__main__':
    main()
