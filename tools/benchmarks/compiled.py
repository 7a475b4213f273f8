"""RAN's training step under torch.compile: ``python tools/benchmarks/compiled.py``.

Against the loop over the regions in fp32 and RAN as it is in bf16, on ready batches; utilisation is
the arithmetic of the model over the fastest bf16 matrix product.
"""

from __future__ import annotations

import argparse
import json
import re

import torch
from authors_loop import loop_case
from common import (
    REGIONS,
    RESNET18,
    count_flops,
    matmul_ceiling,
    medians,
    parse_args,
    peak_memory,
    ran_model,
    region_batch,
    report,
    training_step,
)

from ranfer.engine.errors import one_sentence_errors

LOOP, PLAIN, COMPILED = 'loop, fp32', 'RAN, bf16 channels_last', 'RAN, compiled'


def rows_of(args: argparse.Namespace, size: int, batch: int, ceiling: float) -> list[dict]:
    """Cost of one size, a row for each way."""
    device = args.device
    data = region_batch(batch, REGIONS, size, True, device)
    compiled = ran_model(True, device)
    compiled.compile(dynamic=False, fullgraph=True, options=options_of(args.options))
    steps = {
        LOOP: loop_case(batch, size, device)[1],
        PLAIN: training_step(ran_model(True, device), data, True, device),
        COMPILED: training_step(compiled, data, True, device),
    }
    flops = count_flops(training_step(ran_model(True, device, RESNET18), data, True, device))
    seconds = medians(steps, args.repeats, device)
    return [
        dict(
            pixels=size,
            batch=batch,
            step=name,
            train_ms=value * 1e3,
            samples_per_s=batch / value,
            peak_MiB=peak_memory(steps[name], device),
            times_the_loop=seconds[LOOP] / value,
            TFLOP_per_s=flops / value / 1e12,
            utilisation=None if name == LOOP else flops / value / ceiling,
        )
        for name, value in seconds.items()
    ]


def options_of(text: str) -> dict:
    """Options of torch.compile from JSON."""
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise ValueError(
            f'--options must be a JSON object such as {{"triton.cudagraphs": true}}, got {text!r}.'
        )
    return options


def sizes_of(text: str) -> list[tuple[int, int]]:
    """Pixels and faces of every size."""
    sizes = [re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', word) for word in text.split()]
    if not all(sizes):
        raise ValueError(
            f"--sizes must be pixels and faces such as '224x128 64x1024', got {text!r}."
        )
    return [(int(size[1]), int(size[2])) for size in sizes]


def main() -> None:
    # sizes: pixels and faces, such as '224x128 64x1024'; options of torch.compile as JSON
    args = parse_args(__doc__.split('\n')[0], sizes='', options='{}', name='compiled')
    with one_sentence_errors(args.traceback):
        run(args)


def run(args: argparse.Namespace) -> None:
    """Measure, print and write the table."""
    default = '224x4 64x32' if args.device == 'cpu' else '224x128 64x1024'
    sizes = sizes_of(args.sizes or ('32x2' if args.quick else default))
    options_of(args.options)  # before anything is measured
    ceiling = matmul_ceiling(torch.bfloat16, args.device, args.quick)
    rows = [row for size, batch in sizes for row in rows_of(args, size, batch, ceiling)]
    report(
        args,
        args.name,
        {'Compiled': rows},
        matmul_GFLOP_per_s={'bf16': ceiling / 1e9},
        options=args.options,
    )


if __name__ == '__main__':
    main()
