"""Kill a training at random moments, resume it, and compare it with one that ran through.

A small training (``configs/examples/debug.py`` on drawn faces) runs once without a disturbance and
once with kills by SIGKILL: in turn within an iteration, while a checkpoint is written, and during
evaluation. After some kills the newest checkpoint is cut off besides, as a lost power supply may
leave it. After every kill all checkpoints must be whole, and training must resume from one with
the bits that the undisturbed training had at the end of that epoch. At the end the weights and the
state of the optimiser must be equal bit by bit::

    python tools/misc/crash_battery.py --kills 20

The processes are forked, so that a start costs no import; for Linux.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import Parameters
from ranfer.engine import atomic, load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
PHASES = ('iteration', 'checkpoint', 'evaluation')
FACES = dict(train=48, val=16, test=8, occlusion=0, pose30=0, pose45=0, size=48, seed=0)
CONFIG = """
_base_ = [{debug!r}]
train_dataloader = dict(
    batch_size=8, num_workers={workers}, persistent_workers={workers} > 0,
    dataset=dict(data_root={faces!r}, generate=None))
val_dataloader = dict(batch_size=4, dataset=dict(data_root={faces!r}, generate=None))
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
randomness = dict(seed=0, deterministic=True)
default_hooks = dict(checkpoint=dict(max_keep_ckpts={keep}))
custom_hooks = [dict(type='PhaseHook')]
"""
PHASE = multiprocessing.get_context('fork').Value('i', -1, lock=False)
"""Index of the phase in which the training process is; -1 before the first."""
WRITE = 0.1
"""Seconds that a checkpoint takes to the disk, so that a kill finds it on the way."""


@HOOKS.register_module()
class PhaseHook(Hook):
    """Say what the training does at the moment."""

    priority = 'LOWEST'

    def before_train_iter(self, *args, **kwargs) -> None:
        """An iteration begins."""
        PHASE.value = 0

    def before_val_epoch(self, runner) -> None:
        """An evaluation begins."""
        PHASE.value = 2


def slow_disk(handle: int) -> None:
    """Stand in for ``os.fsync``: the file lies beside its place for a while."""
    if os.readlink(f'/proc/self/fd/{handle}').endswith('.pth' + atomic.TEMPORARY):
        before, PHASE.value = PHASE.value, 1
        time.sleep(WRITE)
        PHASE.value = before


def train(config: Path, work: Path, epochs: int, log: Path) -> None:
    """Body of the training process: ``tools/train.py --resume``."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    atomic.os.fsync = slow_disk
    sys.argv = ['train.py', str(config), '--work-dir', str(work), '--epochs', str(epochs)]
    sys.argv.append('--resume')
    runpy.run_path(str(ROOT / 'tools/train.py'), run_name='__main__')


def start(*args: object) -> multiprocessing.Process:
    PHASE.value = -1
    process = multiprocessing.get_context('fork').Process(target=train, args=args)
    process.start()
    return process


def wait_for_phase(process: multiprocessing.Process, phase: int, after: int, work: Path) -> bool:
    """Wait until training is in a phase, ``after`` checkpoints on; False if it ends before."""
    pointer = work / 'last_checkpoint'
    first = pointer.read_text() if pointer.exists() else ''
    while process.is_alive():
        now = pointer.read_text() if pointer.exists() else ''
        if PHASE.value == phase and (after == 0 or now != first):
            return True
        time.sleep(0.001)
    return False


def broken(work: Path) -> list[str]:
    """Checkpoints that cannot be loaded."""
    names = []
    for path in work.glob('*.pth'):
        try:
            load_checkpoint(str(path))
        except ValueError:
            names.append(path.name)
    return names


def check_equal(path: Path, other: Path) -> None:
    """Compare weights and optimiser states of two checkpoints bit by bit.

    Raises:
        RuntimeError: If some differ.
    """
    one, two = load_checkpoint(str(path)), load_checkpoint(str(other))
    names = [k for k, v in two['state_dict'].items() if not torch.equal(v, one['state_dict'][k])]
    momenta = one['optimizer']['state'], two['optimizer']['state']
    for index, state in momenta[1].items():
        for key, value in state.items():
            if not torch.equal(torch.as_tensor(value), torch.as_tensor(momenta[0][index][key])):
                names.append(f'optimizer.{index}.{key}')
    if names:
        raise RuntimeError(f'{path} differs: {names}.')


def newest(work: Path) -> Path | None:
    pointer = work / 'last_checkpoint'
    return Path(pointer.read_text()) if pointer.exists() else None


def one_before(path: Path) -> Path:
    return path.with_name(f'epoch_{int(path.stem[6:]) - 1}.pth')


def cut_off(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def write_configs(folder: Path, workers: int) -> list[Path]:
    """Draw faces; configs of the undisturbed training and of the one that is killed."""
    generate_synthfer(folder / 'faces', Parameters(**FACES), workers=1)
    keys = dict(debug=str(ROOT / 'configs/examples/debug.py'), faces=str(folder / 'faces'))
    configs = []
    for name, keep in dict(whole=-1, killed=2).items():
        configs.append(folder / f'{name}.py')
        configs[-1].write_text(CONFIG.format(keep=keep, workers=workers, **keys))
    return configs


def run_through(config: Path, work: Path, epochs: int, log: Path) -> None:
    process = start(config, work, epochs, log)
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f'The training in {work} failed; see {log}.')


def begin_anew(work: Path) -> None:
    for path in (*work.glob('*.pth'), work / 'last_checkpoint'):
        path.unlink()


def kill_and_resume(
    config: Path, work: Path, whole: Path, kills: int, epochs: int, log: Path, rng: random.Random
) -> Counter:
    """Kill a training again and again and check what it will resume from; return the counts."""
    counts: Counter = Counter()
    cut: set[str] = set()
    while (done := sum(counts[phase] for phase in PHASES)) < kills:
        process = start(config, work, epochs, log)
        if not wait_for_phase(process, done % len(PHASES), rng.randrange(2), work):
            if process.exitcode != 0:
                raise RuntimeError(f'Resuming failed after {done} kills; see {log}.')
            counts['runs that ended before their kill'] += 1
            begin_anew(work)
            continue
        time.sleep(rng.uniform(0, WRITE))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        counts[PHASES[PHASE.value]] += 1
        counts['unfinished files left'] += len(list(work.glob('*' + atomic.TEMPORARY)))
        found = set(broken(work))
        cut &= found
        if found != cut:
            raise RuntimeError(f'Broken checkpoints after a kill: {sorted(found)}.')
        resumed = newest(work)
        if resumed is None:
            counts['resumed from the start'] += 1
            continue
        if done % 5 == 4 and not cut and one_before(resumed).exists():
            cut_off(resumed, rng)
            cut.add(resumed.name)
            counts['checkpoints cut off'] += 1
        if resumed.name in cut:
            counts['resumed from the one before'] += 1
            resumed = one_before(resumed)
        check_equal(resumed, whole / resumed.name)
        counts['checkpoints resumed from, equal bit by bit'] += 1
    return counts


def battery(folder: Path, kills: int, epochs: int, workers: int, seed: int) -> dict:
    """Run all; return the counts.

    Raises:
        RuntimeError: If a checkpoint is broken or differs, or the training does not end.
    """
    undisturbed, killed = write_configs(folder, workers)
    whole, work, log = folder / 'whole', folder / 'killed', folder / 'log'
    begin = time.monotonic()
    run_through(undisturbed, whole, epochs, log)
    duration = time.monotonic() - begin
    counts = kill_and_resume(killed, work, whole, kills, epochs, log, random.Random(seed))
    run_through(killed, work, epochs, log)
    check_equal(work / f'epoch_{epochs}.pth', whole / f'epoch_{epochs}.pth')
    fallbacks = log.read_text().count('Training resumes from')
    if fallbacks != counts['resumed from the one before']:
        raise RuntimeError(f'{fallbacks} warnings of a broken checkpoint; see {log}.')
    return dict(
        counts, seconds=round(time.monotonic() - begin), undisturbed=round(duration, 1),
        final_weights_equal=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--epochs', type=int, default=12)
    parser.add_argument('--workers', type=int, default=2, help='data workers')
    parser.add_argument('--seed', type=int, default=0, help='seed of the moments')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = battery(Path(folder), args.kills, args.epochs, args.workers, args.seed)
    print(json.dumps(counts, indent=1))


if __name__ == '__main__':
    main()
