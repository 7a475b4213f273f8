"""Data-parallel training on 1 to N processes: ``python tools/benchmarks/scaling.py``.

Every process has one thread and the same batch, so that the ideal is N times the samples per second
of one process. gloo without GPUs, nccl with them.
"""

from __future__ import annotations

import os
import socket
import statistics
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from common import REGIONS, parse_args, ran_model, region_batch, report, training_step
from mmengine.registry import init_default_scope
from torch.nn.parallel import DistributedDataParallel

from ranfer.engine.memory import keep_freed_memory


def worker(
    rank: int, world: int, port: int, batch: int, size: int, repeats: int, kind: str, out: str
) -> None:
    """Time training steps of one process on ``kind``, cuda or cpu; the first writes the median."""
    torch.set_num_threads(1)
    init_default_scope('mmpretrain')
    keep_freed_memory()
    device = f'cuda:{rank}' if kind == 'cuda' else kind
    backend = 'nccl' if kind == 'cuda' else 'gloo'
    dist.init_process_group(
        backend, init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=world
    )
    model = DistributedDataParallel(ran_model(True, device), broadcast_buffers=False)
    data = region_batch(batch, REGIONS, size, True, device)
    step = training_step(model, data, False, kind)
    seconds = []
    for _ in range(repeats + 2):
        dist.barrier()
        start = time.perf_counter()
        step()
        dist.barrier()
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        with open(out, 'w') as file:
            file.write(str(statistics.median(seconds[2:])))
    dist.destroy_process_group()


def measure(world: int, batch: int, size: int, repeats: int, kind: str) -> float:
    """Median seconds of a step on ``world`` processes."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'seconds')
        mp.spawn(worker, (world, port, batch, size, repeats, kind, out), nprocs=world)
        with open(out) as file:
            return float(file.read())


def main() -> None:
    args = parse_args(__doc__.split('\n')[0], processes=0)  # 0: one a GPU or core
    most = torch.cuda.device_count() if args.device == 'cuda' else os.cpu_count()
    args.threads = 1
    batch, size = (2, 32) if args.quick else (16, 64)
    rows = []
    rounds = 1 if args.quick else 3
    worlds = [n for n in (1, 2, 4, 8, 16) if n <= (args.processes or most)]
    found: dict[int, list[float]] = {n: [] for n in worlds}
    for _ in range(rounds):
        for world in worlds:
            found[world].append(measure(world, batch, size, args.repeats, args.device))
    seconds = {world: statistics.median(values) for world, values in found.items()}
    for world in worlds:
        rows.append(
            {
                'processes': world,
                'batch': world * batch,
                'step ms': seconds[world] * 1e3,
                'samples/s': world * batch / seconds[world],
                'efficiency': seconds[worlds[0]] / seconds[world],
            }
        )
    report(args, 'scaling', {'Scaling': rows})


if __name__ == '__main__':
    main()
