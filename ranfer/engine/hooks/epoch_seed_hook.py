"""An epoch draws the same numbers whether training came there in one go or by resuming."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import DistSamplerSeedHook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import get_worker_info

from ranfer.registry import HOOKS


def seed_everything(*key: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators from numbers that name a moment.

    Args:
        *key: Numbers from 0; other numbers give unrelated streams.
    """
    state = np.random.SeedSequence(key).generate_state(3, np.uint64)
    random.seed(int(state[0]))
    np.random.seed(int(state[1] % 2**32))
    torch.manual_seed(int(state[2] % 2**63))


@HOOKS.register_module()
class EpochSeedHook(DistSamplerSeedHook):
    """Make the numbers of an epoch depend on seed, epoch, process and worker alone.

    MMEngine's ``DistSamplerSeedHook``, which this is, does so for the order of the samples. The
    generators behind augmentation, random regions and dropout run on from epoch to epoch, so a
    training that resumes goes another way; without ``persistent_workers`` every epoch even repeats
    the draws of the first. Here a training that resumes from the end of an epoch ends with the same
    weights, bit by bit, where the arithmetic is reproducible (a CPU, or
    ``randomness=dict(seed=0, deterministic=True)``). For loops by epoch whose batches
    ``accumulative_counts`` divides; a warning tells of gradients that an epoch's end leaves over.

    Example:
        >>> default_hooks = dict(sampler_seed=dict(type='ranfer.EpochSeedHook'))
    """

    _drawn: int | None = None

    def before_run(self, runner: Runner) -> None:
        """Remember the seed by which MMEngine made the sampler, before a checkpoint brings its."""
        self._drawn = runner.seed

    def before_train(self, runner: Runner) -> None:
        """Let the sampler follow the seed, which may be a checkpoint's, and workers the epochs."""
        _warn_of_accumulation(runner)
        loader = runner.train_loop.dataloader
        sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
        if self._drawn is not None and getattr(sampler, 'seed', None) == self._drawn:
            sampler.seed = runner.seed
        self._epoch = torch.zeros((), dtype=torch.int64)
        if loader.generator is None:  # or starting workers would draw from the model's numbers
            loader.generator = torch.Generator()
        if loader.num_workers > 0:
            loader.worker_init_fn = partial(
                _follow_epochs,
                epoch=self._epoch.share_memory_(),
                key=(runner.seed, get_rank()),
                start=loader.worker_init_fn,
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell sampler and workers the epoch and seed the main process."""
        super().before_train_epoch(runner)
        self._epoch.fill_(runner.epoch)
        seed_everything(runner.seed, get_rank(), 0, runner.epoch)


def _warn_of_accumulation(runner: Runner) -> None:
    count = getattr(getattr(runner, 'optim_wrapper', None), '_accumulative_counts', 1)
    batches = len(runner.train_loop.dataloader)
    if batches % count and isinstance(runner.train_loop, EpochBasedTrainLoop):
        print_log(
            f'optim_wrapper.accumulative_counts is {count} and an epoch has {batches} batches: '
            f'checkpoints lack the gradients since the last step, so --resume does not go on bit '
            f'by bit; choose a batch_size whose number of batches {count} divides.',
            'current',
            logging.WARNING,
        )


def _follow_epochs(
    worker_id: int,
    epoch: torch.Tensor,
    key: tuple[int, int],
    start: Callable[[int], None] | None,
) -> None:
    """Let this data worker seed itself before the first batch of every epoch."""
    if start is not None:
        start(worker_id)
    dataset = get_worker_info().dataset
    fetch = getattr(dataset, '__getitems__', lambda indices: [dataset[i] for i in indices])
    seeded = -1

    def fetch_seeded(indices: Sequence[int]) -> list[Any]:
        nonlocal seeded
        if seeded != epoch.item():
            seeded = int(epoch.item())
            seed_everything(*key, worker_id + 1, seeded)
        return fetch(indices)

    dataset.__getitems__ = fetch_seeded  # PyTorch's protocol for a batch at once
