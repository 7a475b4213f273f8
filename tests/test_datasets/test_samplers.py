import numpy as np
import pytest

from ranfer.datasets import ClassBalancedSampler


class Labels:
    def __init__(self, *counts):
        self.labels = np.repeat(np.arange(len(counts)), counts)

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels


@pytest.mark.parametrize('power', [0, 0.5, 1])
def test_classes_are_drawn_by_their_weight(power):
    """Frequencies of 4000 draws against count ** (1 - power); 4 standard errors."""
    counts = np.array([3000, 900, 100])
    data = Labels(*counts)
    drawn = data.labels[list(ClassBalancedSampler(data, power=power, seed=0))]
    expected = counts ** (1.0 - power) / (counts ** (1.0 - power)).sum()
    assert len(drawn) == 4000
    np.testing.assert_allclose(np.bincount(drawn) / 4000, expected, atol=4 * 0.5 / 63)


def test_epochs_differ_and_processes_share_one_list(monkeypatch):
    data = Labels(30, 3)
    sampler = ClassBalancedSampler(data, seed=1)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        parts.append(list(ClassBalancedSampler(data, seed=1)))
    assert [len(part) for part in parts] == [17, 17]
    assert parts[0] != parts[1]


def test_mistakes():
    with pytest.raises(ValueError, match='power: got 2, expected'):
        ClassBalancedSampler(Labels(1), power=2)
    with pytest.raises(ValueError, match='list has no get_gt_labels'):
        ClassBalancedSampler([1, 2])
