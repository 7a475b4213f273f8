"""Many requests, or many iterations of a training: does every request get its answer, does memory
stay flat?

python tests/soak/soak.py inferencer --requests 1000 --clients 16
python tests/soak/soak.py page --requests 1000 --clients 16        # needs Gradio
python tests/soak/soak.py train --iterations 10000

Every tenth request is broken. The model is a tiny one with random weights, so that the time goes
into what surrounds it. Memory is the resident set of the process that serves or trains, read after
a fifth of the work and at the end.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'test_apis')]
import tiny  # noqa: E402

from ranfer.apis import FERInferencer  # noqa: E402
from ranfer.datasets.synthetic import draw  # noqa: E402
from ranfer.engine.explain import USER_ERRORS  # noqa: E402

BROKEN_EVERY = 10
WARM_UP = 0.2


@dataclass
class Outcome:
    """What came of the requests, and the memory in MiB after warm-up and at the end."""

    answers: Counter = field(default_factory=Counter)
    warm: float = 0.0
    last: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        return self.last / self.warm - 1

    def __str__(self) -> str:
        counts = ', '.join(f'{count} {kind}' for kind, count in sorted(self.answers.items()))
        return (
            f'{counts}; {self.seconds:.0f} s; resident set {self.warm:.1f} MiB after warm-up, '
            f'{self.last:.1f} MiB at the end ({100 * self.growth:+.2f} %)'
        )


def memory(pid: int | str = 'self') -> float:
    """Resident set of a process in MiB (Linux)."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', status)[1]) / 1024


def write_inputs(folder: Path) -> tuple[list[Path], list[Path]]:
    """Drawn faces, and files that are none in several ways."""
    faces = []
    for seed in range(8):
        image, _ = draw('happiness', seed, 96 + 8 * seed, yaw=0)
        path = folder / f'face{seed}.{"jpg" if seed % 2 else "png"}'
        cv2.imwrite(str(path), image)
        faces.append(path)
    jpeg, png = faces[1].read_bytes(), bytearray(faces[0].read_bytes())
    png[16:24] = (60000).to_bytes(4, 'big') * 2
    contents = {
        'empty.jpg': b'',
        'cut.jpg': jpeg[: len(jpeg) // 2],
        'text.png': b'no image at all',
        'bomb.png': bytes(png),
        'zeros.bmp': bytes(4000),
    }
    broken = []
    for name, data in contents.items():
        broken.append(folder / name)
        broken[-1].write_bytes(data)
    return faces, broken


def requests(
    ask: Callable[[Path], str], count: int, clients: int, folder: Path, pid: int | str = 'self'
) -> Outcome:
    """Ask ``count`` times from ``clients`` threads; every tenth input is broken.

    Args:
        ask: Sends one file and names the kind of its answer: 'faces' or 'refused'.
        count: Number of requests.
        clients: Number of threads.
        folder: Where the inputs are written.
        pid: Process whose memory is read.
    """
    faces, broken = write_inputs(folder)
    outcome, lock = Outcome(), threading.Lock()

    def one(index: int) -> None:
        is_broken = index % BROKEN_EVERY == BROKEN_EVERY - 1
        files = broken if is_broken else faces
        kind = ask(files[index // BROKEN_EVERY % len(files) if is_broken else index % len(files)])
        with lock:
            outcome.answers[f'{kind} of {"broken" if is_broken else "good"}'] += 1
            if sum(outcome.answers.values()) == int(WARM_UP * count):
                gc.collect()
                outcome.warm = memory(pid)

    start = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        for future in [pool.submit(one, index) for index in range(count)]:
            future.result()
    gc.collect()
    outcome.last, outcome.seconds = memory(pid), time.monotonic() - start
    return outcome


def soak_inferencer(count: int, clients: int, inferencer: FERInferencer | None = None) -> Outcome:
    """One :class:`FERInferencer` that all threads share."""
    if inferencer is None:
        inferencer = FERInferencer(tiny.model_file(), device='cpu')

    def ask(path: Path) -> str:
        try:
            [result] = inferencer(str(path), progress=False)
        except USER_ERRORS:
            return 'refused'
        face = result.faces[0] if result.faces else None
        fine = face is None or abs(sum(face.probabilities.values()) - 1) < 1e-3
        return 'answered' if fine else 'wrong'

    with tempfile.TemporaryDirectory() as folder:
        return requests(ask, count, clients, Path(folder))


def soak_page(count: int, clients: int) -> Outcome:
    """The web page as a process of its own, asked as its own pages ask it."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
        probe.close()
        model = str(Path(folder, 'tiny.pth'))
        tiny.model_file().save(model)
        environment = dict(os.environ, GRADIO_TEMP_DIR=str(Path(folder, 'gradio')))
        command = [sys.executable, str(ROOT / 'demo/web_demo.py'), '--model', model]
        server = subprocess.Popen([*command, '--port', str(port)], env=environment)
        try:
            address = f'http://127.0.0.1:{port}/'
            client = _connect(Client, address, server)

            def ask(path: Path) -> str:
                arguments = handle_file(path), model, 'as trained', 'find faces'
                try:
                    client.predict(*arguments, api_name='/recognise')
                except AppError:
                    return 'refused'
                return 'answered'

            outcome = requests(ask, count, clients, Path(folder), server.pid)
            if server.poll() is not None:
                raise RuntimeError(f'the page ended with status {server.returncode}')
            return outcome
        finally:
            server.terminate()
            server.wait()


def _connect(client: type, address: str, server: subprocess.Popen, seconds: int = 300):
    for _ in range(seconds):
        if server.poll() is not None:
            raise RuntimeError(f'the page ended with status {server.returncode}')
        try:
            return client(address, verbose=False)
        except Exception:
            time.sleep(1)
    raise RuntimeError(f'the page does not answer at {address}')


def soak_train(iterations: int) -> Outcome:
    """A training of a tiny RAN from image files, with evaluation and checkpoints on the way."""
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    outcome = Outcome()

    class Memory(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
            if runner.iter + 1 == int(WARM_UP * iterations):
                gc.collect()
                outcome.warm = memory()

    with tempfile.TemporaryDirectory() as folder:
        for label in range(7):
            Path(folder, 'faces', tiny.CLASSES[label]).mkdir(parents=True)
            for seed in range(3):
                image, _ = draw('neutral', 7 * seed + label, 48, yaw=0)
                cv2.imwrite(f'{folder}/faces/{tiny.CLASSES[label]}/{seed}.png', image)
        runner = Runner.from_cfg(_train_config(folder, iterations))
        runner.register_hook(Memory())
        start = time.monotonic()
        runner.train()
        gc.collect()
        outcome.last, outcome.seconds = memory(), time.monotonic() - start
        outcome.answers['iterations'] = runner.iter
    return outcome


def _train_config(folder: str, iterations: int):
    from mmengine.config import Config

    pipeline = [
        dict(type='ranfer.LoadFaceImage'),
        dict(type='ranfer.RandomFaceAffine', rotation=10, scale=(0.9, 1.1), translate=0.05),
        dict(type='ranfer.RandomFaceFlip'),
        dict(type='ranfer.RegionCropTransform', strategy=dict(type='RandomRegions')),
        dict(type='ranfer.PackRegionInputs'),
    ]
    faces = dict(type='ranfer.FERFolder', data_root=f'{folder}/faces', pipeline=pipeline)
    loader = dict(dataset=faces, batch_size=2, num_workers=0)
    every = max(iterations // 5, 1)
    model = tiny.model_config()
    model['backbone'].update(stem_channels=4, base_channels=4)
    model['neck']['in_channels'] = model['head']['in_channels'] = 32
    model['data_preprocessor']['crop_size'] = 16
    return Config(
        dict(
            model=model,
            work_dir=f'{folder}/work',
            train_dataloader=dict(loader, sampler=dict(type='InfiniteSampler')),
            val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
            train_cfg=dict(by_epoch=False, max_iters=iterations, val_interval=every),
            val_cfg=dict(),
            val_evaluator=dict(type='ranfer.FERMetric'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=every, max_keep_ckpts=2)
            ),
            log_processor=dict(by_epoch=False),
            log_level='WARNING',
            default_scope='mmpretrain',
            experiment_name=f'soak_{time.time_ns()}',
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('what', choices=['inferencer', 'page', 'train'])
    parser.add_argument('--requests', type=int, default=1000)
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--iterations', type=int, default=10_000)
    args = parser.parse_args()
    if args.what == 'train':
        print(soak_train(args.iterations))
    else:
        soak = dict(inferencer=soak_inferencer, page=soak_page)[args.what]
        print(soak(args.requests, args.clients))


if __name__ == '__main__':
    main()
