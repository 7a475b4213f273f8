"""A whole training step with the real loader: ``python tools/benchmarks/train_step.py``.

The same steps of MMEngine with batches from the data loader and with one batch again and again. If
both take the same time the model is the limit, else the data. Beside it the way of the authors'
release, end to end: a loader of six crop files a sample, a loop over the regions, fp32.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator

import torch
from authors_loop import LoopRAN
from common import RAN_PARTS, RAN_RESNET18, medians, parse_args, report, settings
from data_pipeline import CropPipeline, write_faces
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ranfer.datasets import FERPlus

WANTED = {'fp32 channels_last': '>= 1.4', 'bf16 channels_last': '>= 2'}
"""How many times the release's speed, by setting."""
AHEAD = 2  # batches that a worker of PyTorch loads before they are asked for
FACE_SIDE = 100  # pixels, as in the aligned faces of RAF-DB


def write_data(folder: str, count: int) -> None:
    """A data set in the form of FERPlus, and the paper's regions of each face as files."""
    write_faces(folder, FACE_SIDE, count)
    rows = [dict(img_path=f'{i}.jpg', gt_label=i % 8) for i in range(count)]
    annotation = dict(
        metainfo=dict(classes=FERPlus.METAINFO['classes'], dataset='FERPlus'), data_list=rows
    )
    with open(os.path.join(folder, 'train.json'), 'w') as file:
        json.dump(annotation, file)


class CropFiles(Dataset):
    """Six files a sample, each decoded and resized, as the release loads them."""

    def __init__(self, folder: str, count: int, size: int) -> None:
        self.folder, self.count = folder, count
        self.pipeline = CropPipeline(size)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return ``(3, size, size, 6)`` float crops in the range of the normalised input."""
        crops = self.pipeline(self.folder, index)['inputs']
        return (crops.permute(1, 2, 3, 0).float() - 127) / 64, index % 8


def build_loader(folder: str, batch: int, workers: int):
    """The loader of the FERPlus config."""
    return Runner.build_dataloader(
        dict(
            batch_size=batch,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=dict(
                type='ranfer.FERPlus',
                data_root=folder,
                ann_file='train.json',
                pipeline=[
                    dict(type='ranfer.LoadFaceImage'),
                    dict(
                        type='ranfer.RandomFaceAffine',
                        rotation=10,
                        scale=(0.9, 1.1),
                        translate=0.08,
                    ),
                    dict(type='RandomFlip', prob=0.5),
                    dict(type='ranfer.RegionCropTransform'),
                    dict(type='ranfer.PackRegionInputs'),
                ],
            ),
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
            drop_last=True,
        ),
        seed=0,
    )


def build_model(size: int, device: str) -> nn.Module:
    model = MODELS.build(
        dict(
            type='ranfer.RANClassifier',
            backbone=RAN_RESNET18,
            channels_last=True,
            data_preprocessor=dict(crop_size=size, num_classes=8, mean=[127.0] * 3, std=[64.0] * 3),
            **RAN_PARTS,
        )
    )
    model.to(device)
    model.train()
    return model


def in_channels_last(device: str) -> dict[str, bool]:
    """Name -> bf16 autocast of the settings that are measured."""
    return {name: bf16 for name, (bf16, last) in settings(device).items() if last}


def step_of(model: nn.Module, bf16: bool) -> Callable[[dict], None]:
    """MMEngine's training step on a batch."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='ranfer.AutocastOptimWrapper' if bf16 else 'OptimWrapper',
            optimizer=dict(type='SGD', lr=1e-3, momentum=0.9),
        ),
    )
    return lambda batch: model.train_step(batch, wrapper)


def authors_step() -> Callable[[tuple[Tensor, Tensor]], None]:
    """A training step of the loop over regions with plain PyTorch."""
    model = LoopRAN()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step(batch: tuple[Tensor, Tensor]) -> None:
        optimizer.zero_grad()
        model.loss(*batch).backward()
        optimizer.step()

    return step


def endless(loader) -> Iterator[dict]:
    while True:
        yield from loader


def against_loading(args, loader, size: int, batch: int, steps: int) -> list[dict]:
    """Rows: the loader against one batch again and again.

    What the workers loaded during the steps on one batch is drained before loading alone is timed.
    """
    rows = []
    for name, bf16 in in_channels_last(args.device).items():
        step = step_of(build_model(size, args.device), bf16)
        same = next(loader)
        seconds = medians(
            {
                'loader': lambda step=step: [step(next(loader)) for _ in range(steps)],
                'same batch': lambda step=step, same=same: [step(same) for _ in range(steps)],
                'drain': lambda: [next(loader) for _ in range(AHEAD * args.workers)],
                'loading alone': lambda: [next(loader) for _ in range(steps)],
            },
            args.repeats,
            args.device,
        )
        rows.append(
            {
                'pixels': size,
                'batch': batch,
                'setting': name,
                'workers': args.workers,
                'loader, samples/s': steps * batch / seconds['loader'],
                'same batch, samples/s': steps * batch / seconds['same batch'],
                'loading alone, samples/s': steps * batch / seconds['loading alone'],
                'loader / same batch': seconds['loader'] / seconds['same batch'],
                'limit': 'data' if seconds['loader'] > 1.1 * seconds['same batch'] else 'model',
            }
        )
    return rows


def against_release(args, loader, crops, size: int, batch: int, steps: int) -> list[dict]:
    """Rows: six files a sample and a loop in fp32 against boxes and one batch of crops."""
    loop = authors_step()
    ours = {
        name: step_of(build_model(size, args.device), bf16)
        for name, bf16 in in_channels_last(args.device).items()
    }
    cases = {'release': lambda: [loop(next(crops)) for _ in range(steps)]}
    for name, step in ours.items():
        cases[name] = lambda step=step: [step(next(loader)) for _ in range(steps)]
    seconds = medians(cases, args.repeats, args.device)
    return [
        {
            'pixels': size,
            'batch': batch,
            'workers': args.workers,
            'setting': name,
            'release, samples/s': steps * batch / seconds['release'],
            'ranfer, samples/s': steps * batch / seconds[name],
            'speed ratio': seconds['release'] / seconds[name],
            'wanted': WANTED[name],
        }
        for name in ours
    ]


def main() -> None:
    args = parse_args(__doc__.split('\n')[0], workers=1)
    size, batch = (32, 4) if args.quick else (64, 32)
    steps = 2 if args.quick else 4
    with tempfile.TemporaryDirectory() as folder:
        write_data(folder, batch * 8)
        loader = endless(build_loader(folder, batch, args.workers))
        tables = {'Training': against_loading(args, loader, size, batch, steps)}
        if args.device == 'cpu':
            files = CropFiles(folder, batch * 8, size)
            crops = DataLoader(
                files,
                batch,
                shuffle=True,
                num_workers=args.workers,
                persistent_workers=args.workers > 0,
            )
            tables['Release'] = against_release(args, loader, endless(crops), size, batch, steps)
    report(args, 'train_step', tables)


if __name__ == '__main__':
    main()
