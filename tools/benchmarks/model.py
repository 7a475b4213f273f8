"""Cost of the models alone: ``python tools/benchmarks/model.py``.

Ready batches, no loader: six crops at the price of six images, the shared form at the price of one,
both against a loop over the regions, and utilisation against the fastest matrix product.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from authors_loop import loop_case
from common import (
    REGIONS,
    RESNET18,
    SETTINGS,
    count_flops,
    forward_step,
    labels,
    matmul_ceiling,
    medians,
    paper_rois,
    parse_args,
    peak_memory,
    plain_model,
    ran_model,
    region_batch,
    report,
    settings,
    shared_model,
    training_step,
)

FORMS = ('RAN', 'RAN shared')
STOCK = 'stock layers'
SMALL = 64  # pixels of crops whose last stages SmallMapConv2d computes on a CPU
FASTEST = 'bf16 channels_last'
Steps = tuple[Callable[[], None], Callable[[], None]]


def all_cases(batch: int, size: int, setting: str, device: str) -> dict[str, Steps]:
    """Name -> (forward, forward and backward) of one setting."""
    bf16, last = SETTINGS[setting]
    regions = region_batch(batch, REGIONS, size, last, device)
    crops, samples = regions['inputs'].flatten(0, 1), regions['data_samples']
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
            dict(inputs=faces, data_samples=samples, rois=rois, num_regions=REGIONS),
        ),
    }
    if _has_own_layers(size, device):
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


def _has_own_layers(size: int, device: str) -> bool:
    """Whether the layers of FastResNet are worth a comparison with the stock ones."""
    return device != 'cpu' or size <= SMALL


def cost_table(
    args: argparse.Namespace, sizes: list[tuple[int, int]]
) -> tuple[list[dict], list[dict], dict[str, float]]:
    """Cost of every model, the ratios that matter and the ceilings in GFLOP/s."""
    measured = settings(args.device)
    ceilings = {
        bf16: matmul_ceiling(torch.bfloat16 if bf16 else torch.float32, args.device, args.quick)
        for bf16 in {bf16 for bf16, _ in measured.values()}
    }
    rows, ratios = [], []
    for size, batch in sizes:
        cases = {
            (setting, name): steps
            for setting in measured
            for name, steps in all_cases(batch, size, setting, args.device).items()
        }
        counted = {name: count_flops(step) for (_, name), (_, step) in cases.items()}
        forward = medians({k: v[0] for k, v in cases.items()}, args.repeats, args.device)
        train = medians({k: v[1] for k, v in cases.items()}, args.repeats, args.device)
        for (setting, name), (_, step) in cases.items():
            key = (setting, name)
            flops = counted.get(f'{name}, {STOCK}', counted[name])  # those of the model
            rows.append(
                dict(
                    pixels=size,
                    batch=batch,
                    setting=setting,
                    model=name,
                    forward_ms=forward[key] * 1e3,
                    train_ms=train[key] * 1e3,
                    samples_per_s=batch / train[key],
                    peak_MiB=peak_memory(step, args.device),
                    GFLOP=flops / 1e9,
                    GFLOP_per_s=flops / train[key] / 1e9,
                    utilisation=flops / train[key] / ceilings['bf16' in setting],
                )
            )
        ratios.extend(_ratios(size, batch, args.device, forward, train))
    return rows, ratios, {'bf16' if k else 'fp32': v / 1e9 for k, v in sorted(ceilings.items())}


def _ratios(size: int, batch: int, device: str, forward: dict, train: dict) -> list[dict]:
    pairs = [
        ('RAN / plain on 6N crops', 'RAN', 'plain, 6N crops', '<= 1.05'),
        ('RAN shared / plain on N faces', 'RAN shared', 'plain, N faces', '<= 1.5'),
        ('RAN / RAN shared', 'RAN', 'RAN shared', '>= 3.5'),
    ]
    if _has_own_layers(size, device):
        pairs += [
            (f'RAN, {STOCK} / plain on 6N crops', f'RAN, {STOCK}', 'plain, 6N crops', '<= 1.05')
        ]
        pairs += [(f'{x}: {STOCK} / FastResNet', f'{x}, {STOCK}', x, '-') for x in FORMS]
    found = [
        (setting, label, (setting, a), (setting, b), wanted)
        for setting in settings(device)
        for label, a, b, wanted in pairs
    ]
    loop = ('fp32', 'loop over regions')
    limits = {'fp32': None, 'fp32 channels_last': '>= 1.4', FASTEST: '>= 2'}
    found += [
        (setting, 'loop in fp32 / RAN', loop, (setting, 'RAN'), wanted)
        for setting, wanted in limits.items()
        if setting in settings(device)
    ]
    return [
        dict(
            pixels=size,
            batch=batch,
            setting=setting,
            ratio=label,
            forward=forward[a] / forward[b],
            train=train[a] / train[b],
            wanted=wanted,
        )
        for setting, label, a, b, wanted in found
    ]


def main() -> None:
    args = parse_args(__doc__.split('\n')[0])
    sizes = [(224, 4), (64, 32)] if args.device == 'cpu' else [(224, 64), (64, 1024), (64, 256)]
    costs, ratios, ceilings = cost_table(args, [(32, 2)] if args.quick else sizes)
    report(args, 'model', {'Cost': costs, 'Ratios': ratios}, matmul_GFLOP_per_s=ceilings)


if __name__ == '__main__':
    main()
