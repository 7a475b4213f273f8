"""Latency and throughput of RAN-ResNet-18: ``python tools/benchmarks/inference.py``.

From uint8 faces and boxes to scores, cutting included, by PyTorch as it is and compiled, and by
ONNX Runtime; float32, bfloat16, float16 (GPUs only) and int8.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from common import BOXES, RAN_PARTS, RESNET18, has_bf16, parse_args, report, times
from mmpretrain.registry import MODELS
from torch import nn

from ranfer.deployment import ExportableRAN, ORTModel, export_onnx, quantize_onnx

Runner = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def build(size: int) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ranfer.RANClassifier',
            backbone=RESNET18,
            data_preprocessor=dict(crop_size=size, mean=[127.0] * 3, std=[64.0] * 3),
            **RAN_PARTS,
        )
    )
    model.init_weights()
    nn.init.normal_(model.head.fc.weight, std=0.1)
    model.eval()
    return model


def inputs(count: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, boxes and mask of the paper's regions."""
    images = np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    boxes = np.tile(np.array(BOXES, np.float32) * size, (count, 1, 1))
    return images, boxes, np.ones(boxes.shape[:2], dtype=bool)


def torch_runner(module: nn.Module, dtype: torch.dtype, device: str) -> Runner:
    """PyTorch's side; everything but float32 runs in autocast and channels_last."""
    half = dtype != torch.float32
    module.to(device)
    if half:
        module.to(memory_format=torch.channels_last)

    def run(*arrays: np.ndarray) -> np.ndarray:
        tensors = [torch.from_numpy(x).to(device) for x in arrays]
        with torch.inference_mode(), torch.autocast(device, dtype) if half else nullcontext():
            return module(*tensors)[0].float().cpu().numpy()

    return run


def onnx_runner(path: str, threads: int) -> Runner:
    model = ORTModel(path, threads=threads)
    return lambda *arrays: model.run(dict(zip(('images', 'boxes', 'mask'), arrays)))['logits']


def all_runners(args: argparse.Namespace, size: int, folder: str) -> dict[str, Runner]:
    dtypes = {'fp32': torch.float32}
    if has_bf16(args.device):
        dtypes['bf16 channels_last'] = torch.bfloat16
    if args.device == 'cuda':
        dtypes['fp16 channels_last'] = torch.float16
    runners = {}
    for name, dtype in dtypes.items():
        module = ExportableRAN(build(size))
        runners[f'eager {name}'] = torch_runner(module, dtype, args.device)
        if size == 64:  # compiling takes long, and tells the same at every size
            compiled = torch.compile(ExportableRAN(build(size)))
            runners[f'compiled {name}'] = torch_runner(compiled, dtype, args.device)
    full, small = os.path.join(folder, 'full.onnx'), os.path.join(folder, 'int8.onnx')
    export_onnx(build(size), full)
    images, boxes, mask = inputs(32, size)
    quantize_onnx(full, small, [dict(images=images, boxes=boxes, mask=mask)])
    runners['ONNX Runtime fp32'] = onnx_runner(full, args.threads)
    runners['ONNX Runtime int8'] = onnx_runner(small, args.threads)
    return runners


SETTLE = 0.1
"""Seconds; the threads of ONNX Runtime wait awake for a while after a call."""


def measure(
    args: argparse.Namespace, size: int, runners: dict[str, Runner], batches: dict[int, int]
) -> tuple[list[dict], list[dict]]:
    """Latency of one face and throughput by batch; ``batches`` maps batch to repetitions."""
    reference = runners['eager fp32'](*inputs(1, size))
    rows, single = [], {}
    for batch, repeats in batches.items():
        data = inputs(batch, size)
        cases = {name: lambda run=run, data=data: run(*data) for name, run in runners.items()}
        for name, values in times(cases, repeats, args.device, SETTLE).items():
            median = statistics.median(values)
            single.setdefault(name, median)
            rows.append(
                {
                    'pixels': size,
                    'batch': batch,
                    'path': name,
                    'p50 ms': median * 1e3,
                    'p99 ms': float(np.percentile(values, 99)) * 1e3,
                    'samples/s': batch / median,
                    'logit difference': float(
                        np.abs(runners[name](*inputs(1, size)) - reference).max()
                    ),
                }
            )
    pairs = [('ONNX Runtime fp32', 'ONNX Runtime int8', '>= 1.5')]
    if args.device == 'cpu':  # where ONNX Runtime runs here
        pairs.insert(0, ('eager fp32', 'ONNX Runtime fp32', '>= 1.2'))
    ratios = [
        dict(pixels=size, ratio=f'{a} / {b}, batch 1', value=single[a] / single[b], wanted=wanted)
        for a, b, wanted in pairs
    ]
    return rows, ratios


def main() -> None:
    args = parse_args(__doc__.split('\n')[0])
    rows, ratios = [], []
    for size in (32,) if args.quick else (64, 224):
        singles = 5 if args.quick else 60 if size == 64 else 20
        batches = {1: singles} | ({} if args.quick else {8: args.repeats, 32: args.repeats})
        if size == 224:
            batches.pop(32, None)
        with tempfile.TemporaryDirectory() as folder:
            runners = all_runners(args, size, folder)
            found = measure(args, size, runners, batches)
        rows += found[0]
        ratios += found[1]
    report(args, 'inference', {'Inference': rows, 'Ratios': ratios})


if __name__ == '__main__':
    main()
