"""IResNet against its definition, written with functions, and InsightFace's published figures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from ranfer.models import IResNet
from ranfer.models.backbones.iresnet import DEPTHS


def random_net(depth: int, **keys) -> IResNet:
    """A net in evaluation whose statistics and slopes are not those that it begins with."""
    torch.manual_seed(0)
    net = IResNet(depth, base_channels=4, **keys)
    net.init_weights()
    for name, value in net.state_dict().items():
        if name.endswith('running_var'):
            value.uniform_(0.5, 2)
        elif value.dim() == 1 and value.is_floating_point():
            value.uniform_(-0.5, 1)
    return net.eval()


def reference(state: dict, depth: int, x: torch.Tensor) -> list[torch.Tensor]:
    """The maps of the four stages by the state dict alone."""

    def norm(name, x):
        keys = ('running_mean', 'running_var', 'weight', 'bias')
        return F.batch_norm(x, *(state[f'{name}.{key}'] for key in keys))

    def conv(name, x, stride=1):
        weight = state[f'{name}.weight']
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    maps = []
    x = F.prelu(norm('bn1', conv('conv1', x)), state['prelu.weight'])
    for stage, count in enumerate(DEPTHS[depth], 1):
        for block in range(count):
            name, stride = f'layer{stage}.{block}', 1 if block else 2
            y = norm(f'{name}.bn2', conv(f'{name}.conv1', norm(f'{name}.bn1', x)))
            y = conv(f'{name}.conv2', F.prelu(y, state[f'{name}.prelu.weight']), stride)
            if block == 0:
                x = norm(f'{name}.downsample.1', conv(f'{name}.downsample.0', x, stride))
            x = norm(f'{name}.bn3', y) + x
        maps.append(x)
    maps[-1] = norm('bn2', x)
    return maps


@pytest.mark.parametrize('depth', [18, 50])
def test_equals_its_definition(depth):
    net = random_net(depth, out_indices=(0, 1, 2, 3)).double()
    x = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    with torch.no_grad():
        maps, expected = net(x), reference(net.state_dict(), depth, x)
    assert [tuple(m.shape) for m in maps] == [
        (2, 4 * 2**i, 16 // 2**i, 24 // 2**i) for i in range(4)
    ]
    for one, other in zip(maps, expected):
        torch.testing.assert_close(one, other)


def test_returns_the_stages_that_are_asked_for():
    every = random_net(18, out_indices=(0, 1, 2, 3))
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        maps = every(x)
        for indices in ((3,), (0, 2)):
            found = random_net(18, out_indices=indices)(x)
            torch.testing.assert_close(found, tuple(maps[i] for i in indices))


@pytest.mark.parametrize(('depth', 'params', 'gflops'), [(18, 24.03, 2.6), (50, 43.59, 6.3)])
def test_has_the_published_size(depth, params, gflops):
    """InsightFace counts the embedding of 512 numbers on top and multiplications at 112 pixels."""
    net = IResNet(depth)
    embedding = 512 * 49 * 512 + 512 + 2 * 512
    count = sum(p.numel() for p in net.parameters()) + embedding
    assert round(count / 1e6, 2) == params
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.empty(1, 3, 112, 112))
    assert round(counter.get_total_flops() / 2e9, 1) == gflops


@pytest.mark.parametrize('autocast', [False, True])
def test_learns(autocast):
    net = MODELS.build(dict(type='ranfer.IResNet', depth=18, base_channels=4))
    net.init_weights()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        (x,) = net(torch.randn(2, 3, 32, 32))
    assert x.shape == (2, 32, 2, 2)
    x.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.conv1.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ('keys', 'part'),
    [
        (dict(depth=20), r'IResNet.depth must be one of \(18, 34, 50, 100, 200\), got 20'),
        (dict(depth=18, out_indices=(4,)), r'out_indices must be .* from 0 to 3 .*, got \(4,\)'),
        (dict(depth=18, out_indices=()), r'got \(\)'),
        (dict(depth=18, out_indices=3), r'a list of stages .* such as \(3, \), got 3'),
    ],
)
def test_errors(keys, part):
    with pytest.raises(ValueError, match=part):
        IResNet(**keys)
