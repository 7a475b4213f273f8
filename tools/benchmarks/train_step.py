"""A whole training step with the real loader: ``python tools/benchmarks/train_step.py``.

The same steps of MMEngine with batches from the data loader and with one batch again and again. If
both take the same time the model is the limit, else the data.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from common import RAN_PARTS, RESNET18, medians, parse_args, report
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from torch import nn

FERPLUS = (
    'neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt',
)  # fmt: skip


def write_data(folder: str, count: int) -> None:
    """A data set in the form of FERPlus: noise of 48 x 48 pixels."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        face = cv2.resize(rng.integers(0, 256, (12, 12), dtype=np.uint8), (48, 48))
        cv2.imwrite(os.path.join(folder, f'{i}.png'), face)
        rows.append(dict(img_path=f'{i}.png', gt_label=i % 8))
    annotation = dict(metainfo=dict(classes=FERPLUS, dataset='FERPlus'), data_list=rows)
    with open(os.path.join(folder, 'train.json'), 'w') as file:
        json.dump(annotation, file)


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
            backbone=RESNET18,
            channels_last=True,
            data_preprocessor=dict(crop_size=size, num_classes=8, mean=[127.0] * 3, std=[64.0] * 3),
            **RAN_PARTS,
        )
    )
    model.to(device)
    model.train()
    return model


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


def endless(loader) -> Iterator[dict]:
    while True:
        yield from loader


def main() -> None:
    args = parse_args(__doc__.split('\n')[0], workers=1)
    size, batch = (32, 4) if args.quick else (64, 32)
    steps = 2 if args.quick else 4
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_data(folder, batch * 8)
        loader = endless(build_loader(folder, batch, args.workers))
        for name, bf16 in (('fp32 channels_last', False), ('bf16 channels_last', True)):
            step = step_of(build_model(size, args.device), bf16)
            same = next(loader)
            seconds = medians(
                {
                    'loader': lambda step=step: [step(next(loader)) for _ in range(steps)],
                    'same batch': lambda step=step, same=same: [step(same) for _ in range(steps)],
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
    report(args, 'train_step', {'Training': rows})


if __name__ == '__main__':
    main()
