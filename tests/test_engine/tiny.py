"""The smallest training there is: a linear model on numbers, with an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

HOOKS = dict(
    logger=dict(type='LoggerHook', log_metric_by_epoch=True),
    sampler_seed=dict(type='ranfer.EpochSeedHook'),
    checkpoint=dict(
        type='ranfer.SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='tiny/score',
        rule='greater',
    ),
)


class Numbers(Dataset):
    """Twelve points; each look at one adds noise from the global generators."""

    metainfo: dict = {}

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> dict:
        noise = np.random.rand() + torch.rand(()).item()
        return dict(x=torch.tensor([index / 12, noise]), img_path=f'{index}.png')


class Line(BaseModel):
    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(2, size)

    def forward(self, x, img_path, mode='tensor'):
        y = self.fc(torch.dropout(x, 0.2, self.training))
        return dict(loss=((y - 1) ** 2).mean()) if mode == 'loss' else list(y)


class Score(BaseMetric):
    """Scores by epoch: better, worse, better, ..."""

    default_prefix = 'tiny'
    scores = (0.5, 0.4, 0.6, 0.3)
    calls: list[int] = []
    runner: Runner

    def process(self, data_batch, data_samples) -> None:
        self.results.append(len(data_samples))

    def compute_metrics(self, results) -> dict:
        epoch = self.runner.epoch
        self.calls.append(epoch)
        return dict(score=self.scores[epoch - 1], epoch=epoch)


class QuickRunner(Runner):
    """Spares the look for compilers and the copy of the config."""

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def dump_config(self) -> None:
        pass


def tiny_runner(work_dir: Path, epochs: int = 4, size: int = 1, **keys) -> Runner:
    torch.manual_seed(0)
    collate = dict(type='default_collate')
    loader = dict(dataset=Numbers(), batch_size=4, num_workers=0, collate_fn=collate)
    settings = dict(
        model=Line(size),
        work_dir=str(work_dir),
        train_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_cfg=dict(),
        val_evaluator=[Score()],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        default_hooks=HOOKS,
        default_scope='mmpretrain',
        randomness=dict(seed=0),
        experiment_name=f'tiny_{len(Score.calls)}_{np.random.default_rng().integers(2**62)}',
        log_level='WARNING',
    )
    runner = QuickRunner(**(settings | keys))
    Score.runner = runner
    return runner
