"""What an epoch draws, in the main process and in data workers."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_engine.tiny import tiny_runner
from torch.utils.data import DataLoader, Dataset

from ranfer.datasets.transforms import RegionCropTransform
from ranfer.engine import EpochSeedHook, load_checkpoint
from ranfer.engine.hooks import epoch_seed_hook


class Draws(Dataset):
    """Each item is what the three global generators give next."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple:
        return random.random(), np.random.rand(), torch.rand(()).item()


class OwnBatches(Draws):
    def __getitems__(self, indices) -> list:
        return [self[i] for i in indices]


def epochs(count: int, start: int = 0, seed: int = 0, dataset=None, **keys) -> list[list]:
    """Values of ``count`` epochs of one training that begins at epoch ``start``."""
    loader = DataLoader(dataset or Draws(), batch_size=2, collate_fn=list, **keys)
    loop = SimpleNamespace(dataloader=loader)
    runner = SimpleNamespace(seed=seed, train_loop=loop, epoch=start)
    hook = EpochSeedHook()
    hook.before_train(runner)
    drawn = []
    for runner.epoch in range(start, start + count):
        hook.before_train_epoch(runner)
        data = [item for batch in loader for item in batch]
        drawn.append([*data, torch.rand(()).item()])  # the last one is the main process's
    return drawn


WORKERS = [
    dict(num_workers=0),
    dict(num_workers=2, persistent_workers=False),
    dict(num_workers=2, persistent_workers=True),
]


@pytest.mark.parametrize('keys', WORKERS)
def test_a_resumed_epoch_draws_the_same(keys):
    whole = epochs(3, **keys)
    assert epochs(3, **keys) == whole
    assert epochs(2, start=1, **keys) == whole[1:]
    values = [value for epoch in whole for item in epoch[:-1] for value in item]
    assert len(set(values)) == len(values) == 3 * 8 * 3  # no epoch, worker or item repeats


def test_persistent_workers_draw_as_new_ones():
    assert epochs(2, **WORKERS[1]) == epochs(2, **WORKERS[2])


def test_seeds_differ_and_data_sets_keep_their_own_batches():
    assert epochs(1, seed=1) != epochs(1)
    assert epochs(2, dataset=OwnBatches(), **WORKERS[2]) == epochs(2, **WORKERS[2])


@pytest.mark.parametrize('keys', WORKERS)
def test_processes_draw_others(keys, monkeypatch):
    [first] = epochs(1, **keys)
    monkeypatch.setattr('ranfer.engine.hooks.epoch_seed_hook.get_rank', lambda: 1)
    [second] = epochs(1, **keys)
    assert set(first).isdisjoint(second)


class Faces(Dataset):
    """Random regions of eight equal images."""

    def __init__(self, seed: int | None) -> None:
        self.crop = RegionCropTransform(dict(type='RandomRegions', num_regions=2), seed=seed)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple:
        results = self.crop(dict(img=np.zeros((40, 40, 3), np.uint8), sample_idx=index))
        return tuple(map(tuple, results['regions'][1:].tolist()))


@pytest.mark.parametrize('keys', WORKERS)
def test_random_regions_differ_in_training_and_are_fixed_in_tests(keys):
    drawn = [item for epoch in epochs(2, dataset=Faces(None), **keys) for item in epoch[:-1]]
    assert len(set(drawn)) == 2 * 8  # in every epoch and worker others
    first, second = (epoch[:-1] for epoch in epochs(2, dataset=Faces(3), **keys))
    assert first == second == [Faces(3)[index] for index in range(8)]
    assert len(set(first)) == 8


@pytest.mark.parametrize('workers', [0, 2])
def test_two_trainings_are_one(tmp_path, workers):
    """Losses and weights of two runs, and of a third that stops at an epoch's end and goes on."""
    loader = dict(num_workers=workers, persistent_workers=workers > 0)
    results = []
    for name, stops in dict(one=[2], two=[2], three=[1, 2]).items():
        for epochs in stops:
            runner = tiny_runner(tmp_path / name, epochs=epochs, resume=True)
            runner._train_dataloader.update(loader)
            runner.train()
        losses = runner.message_hub.get_scalar('train/loss').data[0].tolist()
        assert len(losses) == 2 * 3
        state = load_checkpoint(str(tmp_path / name / 'epoch_2.pth'))
        results.append((losses, state['state_dict'], state['optimizer']))
    for losses, weights, optimizer in results[1:]:
        assert losses == results[0][0]
        torch.testing.assert_close(weights, results[0][1], rtol=0, atol=0)
        torch.testing.assert_close(optimizer, results[0][2], rtol=0, atol=0)


def test_a_resumed_training_shuffles_by_the_seed_of_its_checkpoint(tmp_path):
    """Both draw a seed of their own, and MMEngine has made the sampler when it reads the first."""
    runners = []
    for epochs in (1, 2):
        runners.append(
            tiny_runner(tmp_path, epochs=epochs, resume=True, randomness=dict(seed=None))
        )
        runners[-1].train()
    assert runners[1].train_dataloader.sampler.seed == runners[0].seed == runners[1].seed


def test_a_sampler_keeps_a_seed_of_its_own(tmp_path):
    runner = tiny_runner(tmp_path, epochs=1)
    runner._train_dataloader['sampler']['seed'] = 123
    runner.train()
    assert runner.train_dataloader.sampler.seed == 123


@pytest.mark.parametrize(('count', 'warnings'), [(1, 0), (2, 1), (3, 0)])
def test_gradients_that_no_checkpoint_holds_are_warned_about(
    tmp_path, monkeypatch, count, warnings
):
    """An epoch has three batches."""
    said = []
    monkeypatch.setattr(epoch_seed_hook, 'print_log', lambda text, *_: said.append(text))
    wrapper = dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=count)
    tiny_runner(tmp_path, epochs=1, optim_wrapper=wrapper).train()
    expected = 'optim_wrapper.accumulative_counts is 2 and an epoch has 3 batches'
    assert len(said) == warnings and all(text.startswith(expected) for text in said)
