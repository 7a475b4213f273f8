"""Time and memory of an annotation file of many rows with several workers (Linux).

python tools/benchmarks/annotation.py --rows 1000000 --workers 8
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from ranfer.datasets import FERDataset


def shared_memory() -> float:
    """This process's proportional share of memory in MB."""
    for line in Path('/proc/self/smaps_rollup').read_text().splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1]) / 1024
    raise RuntimeError('no Pss in /proc/self/smaps_rollup')


def write_rows(path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    with path.open('w') as file:
        file.write('{"metainfo": {"classes": ["a", "b", "c", "d"]}, "data_list": [\n')
        for i in range(count):
            points = (rng.random((5, 2)) * 224).round(2).tolist()
            row = f'"img_path":"images/train/{i % 1000:03d}/{i:056x}.jpg","gt_label":{i % 4}'
            file.write(f'{"," if i else ""}{{{row},"keypoints":{points}}}\n')
        file.write(']}')


def work(data: FERDataset, first: int, step: int, results, barrier) -> None:
    for index in range(first, len(data), step * 50):
        data.get_data_info(index)
    barrier.wait()
    results.put(shared_memory())
    barrier.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--rows', type=int, default=1_000_000)
    parser.add_argument('--workers', type=int, default=8)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'rows.json'
        write_rows(path, args.rows)
        wall, processor = time.perf_counter(), time.process_time()
        data = FERDataset(str(path))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    context = multiprocessing.get_context('fork')
    results, barrier = context.Queue(), context.Barrier(args.workers + 1)
    workers = [
        context.Process(target=work, args=(data, i, args.workers, results, barrier))
        for i in range(args.workers)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    total = sum(results.get() for _ in workers) + shared_memory()
    barrier.wait()
    for worker in workers:
        worker.join()
    print(f'{len(data)} rows loaded in {wall:.1f} s ({processor:.1f} s of processor time)')
    print(f'serialised rows: {data.data_bytes.nbytes / 2**20:.0f} MB')
    print(f'main process and {args.workers} workers together: {total:.0f} MB')


if __name__ == '__main__':
    main()
