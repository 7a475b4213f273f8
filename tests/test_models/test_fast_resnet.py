"""The fast ResNet against MMPretrain's."""

import copy

import pytest
import torch
import torch.fx
from mmpretrain.registry import MODELS
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from ranfer.models import FastResNet, SmallMapConv2d, StemConv2d, StemReLUPool
from ranfer.models.layers import stem_conv, stem_pool
from ranfer.utils.scope import in_scope

SMALL = dict(base_channels=8, stem_channels=8)
CONFIGS = [
    dict(depth=18, **SMALL),
    dict(depth=50, **SMALL),
    dict(depth=18, deep_stem=True, avg_down=True, **SMALL),
    dict(depth=18, frozen_stages=1, **SMALL),
    dict(depth=34, out_indices=(1, 3), **SMALL),
]


class Noted(TorchDispatchMode):
    """Notes the operators that are called."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append((str(func._overloadpacket), args))
        return func(*args, **(kwargs or {}))


def build(kind: str, config: dict) -> nn.Module:
    with in_scope('mmpretrain'):
        return MODELS.build(dict(type=kind, **config))


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('config', CONFIGS)
def test_it_is_mmpretrains_resnet(config, training):
    plain, fast = build('ResNet', config), build('ranfer.FastResNet', config)
    plain.init_weights()
    fast.load_state_dict(copy.deepcopy(plain.state_dict()))
    x = torch.randn(4, 3, 64, 64, dtype=torch.double)
    features = []
    for model in (plain, fast):
        model.double().train(training)
        features.append(model(x))
        sum(feature.square().sum() for feature in features[-1]).backward()
    torch.testing.assert_close(features[1], features[0])
    assert [name for name, _ in fast.named_parameters()] == [n for n, _ in plain.named_parameters()]
    for a, b in zip(plain.parameters(), fast.parameters()):
        torch.testing.assert_close(b.grad, a.grad)
    torch.testing.assert_close(fast.state_dict(), plain.state_dict())


def test_a_seed_gives_the_weights_of_mmpretrains_resnet():
    states = []
    for kind in ('ResNet', 'ranfer.FastResNet'):
        model = build(kind, CONFIGS[0])
        torch.manual_seed(0)
        model.init_weights()
        states.append(model.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


@pytest.mark.parametrize('training', [True, False])
def test_torch_fx_traces_it_as_it_traces_mmpretrains(training):
    fast = build('ranfer.FastResNet', CONFIGS[0])
    fast.init_weights()
    fast.double().train(training)
    x = torch.randn(2, 3, 32, 32, dtype=torch.double)
    torch.testing.assert_close(torch.fx.symbolic_trace(fast)(x), fast(x))


@pytest.mark.skipif(not stem_pool.HAS_KERNELS, reason='needs PyTorch 2.4 or newer and Triton')
@pytest.mark.parametrize('size', [63, 64])
def test_the_compiled_stem_on_a_gpu_convolves_blocks_and_pools_by_kernels(size, monkeypatch):
    for module in (stem_conv, stem_pool):
        monkeypatch.setattr(module, 'is_compiling', lambda: True)
    # there need not be a GPU
    with FakeTensorMode(), torch.device('cuda'), Noted() as noted:
        conv = StemConv2d(3, 8, 7, stride=2, padding=3, bias=False)
        stem = nn.Sequential(conv, nn.BatchNorm2d(8), StemReLUPool())
        out = stem(torch.empty(2, 3, size, size).contiguous(memory_format=torch.channels_last))
    assert out.shape == (2, 8, 16, 16)
    inputs = [args[0].size(1) for name, args in noted.calls if name == 'aten.convolution']
    assert inputs == [stem_conv.CHANNELS]
    assert 'ranfer.stem_pool' in [name for name, _ in noted.calls]


def test_its_layers():
    fast = build('ranfer.FastResNet', dict(depth=18))
    assert isinstance(fast, FastResNet)
    assert type(fast.conv1) is StemConv2d and type(fast.maxpool) is StemReLUPool
    assert type(fast.layer4[1].conv2) is SmallMapConv2d
    stock = build('ranfer.FastResNet', dict(depth=18, conv_cfg=dict(type='Conv2d')))
    assert type(stock.layer4[1].conv2) is nn.Conv2d
    deep = build('ranfer.FastResNet', dict(depth=18, deep_stem=True))
    assert type(deep.maxpool) is nn.MaxPool2d
