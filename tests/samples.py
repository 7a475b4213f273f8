"""Small batches for tests."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from mmengine.utils import digit_version

from ranfer.datasets.transforms import PackRegionInputs, RegionCropTransform

needs_one_graph = pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version('2.4'),
    reason='old Dynamo (seen in PyTorch 2.1) cannot walk through a dict of classes in a graph',
)


def sample(index: int, size: int | tuple = 40, strategy: dict | None = None, **keys) -> dict:
    """One packed face of noise; ``keys`` go into the results before the regions are made."""
    rng = np.random.default_rng(index)
    height, width = np.broadcast_to(size, 2)
    results = dict(
        img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        gt_label=index % 7,
        sample_idx=index,
        img_path=f'{index}.png',
        **keys,
    )
    return PackRegionInputs()(RegionCropTransform(strategy, seed=0)(results))


def batch(count: int = 3, **keys) -> dict:
    return default_collate([sample(i, **keys) for i in range(count)])


def landmarks(*points: tuple[float, float, float]) -> np.ndarray:
    return np.array([points], dtype=np.float32)
