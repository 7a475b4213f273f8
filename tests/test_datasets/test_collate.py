"""Batches of one size and of several."""

from __future__ import annotations

import pytest
import torch
from mmpretrain.structures import DataSample

from ranfer.datasets import collate_faces


def sample(side: int, views: int = 0) -> dict:
    image = torch.full((3, side, side), side, dtype=torch.uint8)
    if views:
        return dict(inputs=[image] * views, data_samples=[DataSample()] * views)
    return dict(inputs=image, data_samples=DataSample())


def test_one_size_is_stacked():
    assert collate_faces([sample(4), sample(4)])['inputs'].shape == (2, 3, 4, 4)
    views = collate_faces([sample(4, views=2) for _ in range(3)])
    assert [view.shape for view in views['inputs']] == [(3, 3, 4, 4)] * 2
    assert [len(own) for own in views['data_samples']] == [3, 3]


def test_several_sizes_are_listed():
    batch = collate_faces([sample(4), sample(6)])
    assert [image.shape[1] for image in batch['inputs']] == [4, 6]
    views = collate_faces([sample(4, views=2), sample(6, views=2)])
    assert [[image.shape[1] for image in view] for view in views['inputs']] == [[4, 6]] * 2


@pytest.mark.parametrize('key', ['x', 'inputs'])
def test_samples_of_other_data_sets_are_stacked(key):
    assert torch.equal(collate_faces([{key: 1}, {key: 2}])[key], torch.tensor([1, 2]))
