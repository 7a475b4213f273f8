"""Sampling that gives rare classes their share."""

from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dataset import DefaultSampler

from ranfer.registry import DATA_SAMPLERS


def class_weights(labels: np.ndarray, power: float) -> np.ndarray:
    """Weight of each sample: its class's frequency to the power ``-power``, scaled to sum 1.

    Args:
        labels: Class indices, shape ``(N,)``.
        power: 0 keeps the frequencies, 1 makes all classes equally frequent.

    Returns:
        np.ndarray: float64, shape ``(N,)``.
    """
    weights = np.bincount(labels)[labels].astype(np.float64) ** -power
    return weights / weights.sum()


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(DefaultSampler):
    """Draw samples with replacement, rare classes more often (the paper's over-sampling).

    An epoch has as many draws as the data set has samples. MMEngine's ``ClassBalancedDataset``
    repeats rare classes by the root of their rarity and makes epochs longer; this sampler can
    balance in full and keeps the length.

    Args:
        dataset: Has ``get_gt_labels()``.
        power: See :func:`class_weights`, in [0, 1]. Defaults to 1.
        seed: Seed shared by all processes. Defaults to None, a random one.
        **kwargs: Further arguments of :class:`mmengine.dataset.DefaultSampler`.

    Raises:
        ValueError: If ``power`` is out of range or the data set has no ``get_gt_labels``.

    Example:
        >>> sampler = dict(type='ranfer.ClassBalancedSampler', power=0.5)
    """

    def __init__(self, dataset, power: float = 1.0, seed: int | None = None, **kwargs) -> None:
        if not 0 <= power <= 1:
            raise ValueError(f'power: got {power}, expected a number in [0, 1]; correct it')
        if not hasattr(dataset, 'get_gt_labels'):
            raise ValueError(
                f'sampler: {type(dataset).__name__} has no get_gt_labels, expected a data set of '
                f'ranfer or MMPretrain; use it without a wrapper'
            )
        super().__init__(dataset, shuffle=True, seed=seed, **kwargs)
        self.weights = torch.from_numpy(class_weights(dataset.get_gt_labels(), power))

    def __iter__(self) -> Iterator[int]:
        """Indices of this process; all processes draw the same list and share it."""
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        drawn = torch.multinomial(self.weights, self.total_size, True, generator=generator)
        return iter(drawn[self.rank : self.total_size : self.world_size].tolist())
