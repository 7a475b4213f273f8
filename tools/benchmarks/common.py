"""What the benchmarks share: fair timing, the machine, models and tables."""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import os.path as osp
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import ranfer
from ranfer.engine.errors import tool_parser
from ranfer.engine.memory import keep_freed_memory
from ranfer.engine.precision import cpu_has_bf16
from ranfer.regions.fixed import PAPER_BOXES

BOXES = ((0.0, 0.0, 1.0, 1.0), *PAPER_BOXES)
"""The whole face and the paper's crops, xyxy as fractions of the side."""
REGIONS = len(BOXES)
SETTINGS = {
    'fp32': (False, False),
    'fp32 channels_last': (False, True),
    'bf16 channels_last': (True, True),
}
"""Name -> (bf16 autocast, channels_last)."""


def has_bf16(device: str) -> bool:
    """Whether bf16 is worth a measurement: not on a CPU that emulates it."""
    return device != 'cpu' or cpu_has_bf16()


def settings(device: str) -> dict[str, tuple[bool, bool]]:
    """Those of ``SETTINGS`` that are worth a measurement."""
    return {k: v for k, v in SETTINGS.items() if has_bf16(device) or not v[0]}


def parse_args(description: str, **options) -> argparse.Namespace:
    """Arguments of every benchmark; ``options`` are further ones with their defaults."""
    parser = tool_parser(description)
    parser.add_argument('--out', default='work_dirs/benchmarks', help='folder for the JSON file')
    parser.add_argument('--threads', type=int, default=os.cpu_count(), help='threads of PyTorch')
    parser.add_argument('--repeats', type=int, default=7, help='interleaved repetitions')
    parser.add_argument(
        '--device', choices=['cpu', 'cuda'], default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    parser.add_argument('--quick', action='store_true', help='smallest sizes, to see that it runs')
    for name, default in options.items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=type(default), default=default)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True  # as in the configs
    MMLogger.get_instance('mmengine', log_level='WARNING')  # how weights begin is no news here
    init_default_scope('mmpretrain')
    keep_freed_memory()
    return args


def machine(args: argparse.Namespace) -> dict:
    """What a figure depends on, to be stored beside it."""
    return dict(
        processor=_processor(),
        device=torch.cuda.get_device_name() if args.device == 'cuda' else 'cpu',
        cores=os.cpu_count(),
        threads=args.threads,
        repeats=args.repeats,
        load_before=os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
        python=platform.python_version(),
        torch=torch.__version__,
        ranfer=ranfer.__version__,
    )


def _processor() -> str:
    if osp.isfile('/proc/cpuinfo'):
        with open('/proc/cpuinfo') as file:
            for line in file:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()


def times(
    cases: dict[str, Callable[[], object]],
    repeats: int,
    device: str = 'cpu',
    settle: float = 0.0,
    calls: int = 1,
) -> dict[str, list[float]]:
    """Seconds of a call in every repetition of every case, after two that do not count.

    The cases take turns, so that a slow moment of the machine falls on all of them. A turn is
    ``calls`` in a row. With ``settle`` it begins with a pause of so many seconds, in which the
    threads that the case before keeps awake fall asleep, and a call that does not count.
    """
    for case in cases.values():
        for _ in range(2):
            case()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            if settle:
                time.sleep(settle)
                case()
            _synchronise(device)
            start = time.perf_counter()
            for _ in range(calls):
                case()
            _synchronise(device)
            seconds[name].append((time.perf_counter() - start) / calls)
    return seconds


def medians(cases: dict[str, Callable], repeats: int, device: str = 'cpu') -> dict[str, float]:
    """Median seconds of every case; see :func:`times`.

    On a GPU a turn is four calls, which fill its queue as a training does.
    """
    seconds = times(cases, repeats, device, calls=1 if device == 'cpu' else 4)
    return {k: statistics.median(v) for k, v in seconds.items()}


def _synchronise(device: str) -> None:
    if device == 'cuda':
        torch.cuda.synchronize()


def peak_memory(case: Callable[[], object], device: str) -> float | None:
    """Memory in MiB that a call needs beyond what is held before it, or None if unknown."""
    case()  # gradients and scratch space are there before
    gc.collect()
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        case()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if not osp.exists('/proc/self/clear_refs'):
        return None
    ctypes.CDLL(None).malloc_trim(0)
    before = _resident('VmRSS')
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')  # the peak starts anew
    case()
    return _resident('VmHWM') - before


def _resident(key: str) -> float:
    with open('/proc/self/status') as file:
        line = next(x for x in file if x.startswith(key))
    return int(line.split()[1]) / 1024


def count_flops(case: Callable[[], object]) -> int:
    """Floating point operations of the convolutions and matrix products of a call."""
    with FlopCounterMode(display=False) as counter:
        case()
    return counter.get_total_flops()


def matmul_ceiling(dtype: torch.dtype, device: str, quick: bool = False) -> float:
    """Fastest matrix product of this machine in FLOP/s: the best of several square sizes."""
    best = 0.0
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as convolutions may
    for side in (256,) if quick else (1024, 2048, 4096) if device == 'cpu' else (4096, 8192):
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        seconds = times({'matmul': lambda a=a, b=b: a @ b}, 5, device)['matmul']
        best = max(best, 2 * side**3 / min(seconds))
    return best


RESNET18 = dict(type='ResNet', depth=18, num_stages=4, out_indices=(3,), style='pytorch')
RAN_RESNET18 = dict(RESNET18, type='ranfer.FastResNet')  # as in the configs
RAN_PARTS = dict(
    neck=dict(type='ranfer.RANNeck', in_channels=512),
    head=dict(
        type='ranfer.RelationAttentionHead',
        num_classes=8,
        in_channels=512,
        region_loss=dict(type='ranfer.RegionBiasedLoss'),
    ),
)


def plain_model(channels_last: bool, device: str) -> nn.Module:
    """MMPretrain's plain ResNet-18 classifier."""
    head = dict(type='LinearClsHead', num_classes=8, in_channels=512)
    return _built(
        dict(
            type='ImageClassifier',
            backbone=RESNET18,
            neck=dict(type='GlobalAveragePooling'),
            head=head,
        ),
        channels_last,
        device,
    )


def ran_model(channels_last: bool, device: str, backbone: dict = RAN_RESNET18) -> nn.Module:
    """RAN-ResNet-18, the full form."""
    cfg = dict(type='ranfer.RANClassifier', backbone=backbone, **RAN_PARTS)
    return _built(dict(cfg, channels_last=channels_last), channels_last, device)


def shared_model(
    size: int, channels_last: bool, device: str, backbone: dict = RAN_RESNET18
) -> nn.Module:
    """RAN-ResNet-18, the shared-feature form of the configs."""
    split, roi = (3, 8) if size >= 128 else (2, 4)
    shared = dict(
        type='ranfer.SharedRegionBackbone', backbone=backbone, split_stage=split, roi_size=roi
    )
    cfg = dict(type='ranfer.RANClassifier', backbone=shared, **RAN_PARTS)
    return _built(dict(cfg, channels_last=channels_last), channels_last, device)


def _built(cfg: dict, channels_last: bool, device: str) -> nn.Module:
    model = MODELS.build(cfg)
    model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)
    model.train()
    return model


def images(count: int, size: int, channels_last: bool, device: str) -> Tensor:
    """Normalised noise ``(count, 3, size, size)``."""
    x = torch.randn(count, 3, size, size, device=device)
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def labels(count: int, device: str) -> list[DataSample]:
    """Samples with labels."""
    found = [DataSample().set_gt_label(i % 8) for i in range(count)]
    return [sample.to(device) for sample in found]


def region_batch(count: int, regions: int, size: int, last: bool, device: str) -> dict:
    """What RAN takes: the crops and samples of ``count`` faces, none missing."""
    return dict(
        inputs=images(count * regions, size, last, device).unflatten(0, (count, regions)),
        data_samples=labels(count, device),
    )


def paper_rois(count: int, size: int, device: str) -> Tensor:
    """Boxes ``(count * 6, 5)`` of the whole face and the paper's crops."""
    boxes = torch.tensor(BOXES, device=device) * size
    index = torch.arange(count, device=device).repeat_interleave(len(BOXES))
    return torch.cat([index[:, None].float(), boxes.repeat(count, 1)], dim=1)


def training_step(model: nn.Module, inputs: dict, bf16: bool, device: str) -> Callable[[], None]:
    """Forward and backward pass of a model of MMPretrain's interface."""

    def step() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            losses = model(**inputs, mode='loss')
        sum(losses.values()).backward()

    return step


def forward_step(model: nn.Module, inputs: dict, bf16: bool, device: str) -> Callable[[], None]:
    """Forward pass without gradients, batch statistics fixed."""

    def step() -> None:
        model.eval()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bf16):
            model(**inputs, mode='tensor')
        model.train()

    return step


def markdown(rows: Sequence[dict]) -> str:
    """Rows with the same keys as a Markdown table."""
    names = list(rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    widths = [max(len(x) for x in column) for column in zip(names, *cells)]
    lines = [names, ['-' * w for w in widths], *cells]
    return '\n'.join(
        '| ' + ' | '.join(x.ljust(w) for x, w in zip(line, widths)) + ' |' for line in lines
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.3g}' if abs(value) < 100 else f'{value:.0f}'
    return '-' if value is None else str(value)


def report(args: argparse.Namespace, name: str, tables: dict[str, list[dict]], **extra) -> None:
    """Print the tables and write them with the machine as ``name.json`` into ``args.out``."""
    header = machine(args)
    print(f'\n# {name}\n' + ', '.join(f'{k} {v}' for k, v in header.items()))
    for title, rows in tables.items():
        print(f'\n## {title}\n{markdown(rows)}')
    os.makedirs(args.out, exist_ok=True)
    with open(osp.join(args.out, f'{name}.json'), 'w') as file:
        json.dump(dict(machine=header, tables=tables, **extra), file, indent=2)
