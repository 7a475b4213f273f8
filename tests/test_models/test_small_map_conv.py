"""The convolution for small maps against PyTorch's."""

import copy

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

from ranfer.models import SmallMapConv2d
from ranfer.models.layers import small_map_conv
from ranfer.utils.scope import in_scope

LAYERS = [
    (dict(kernel_size=3, padding=1), (1, 1)),
    (dict(kernel_size=3, padding=1), (2, 2)),
    (dict(kernel_size=3, padding=1), (1, 4)),
    (dict(kernel_size=3, padding=1), (2, 1)),
    (dict(kernel_size=3, padding=1, stride=2), (4, 4)),
    (dict(kernel_size=3, padding=1, stride=2), (3, 4)),
    (dict(kernel_size=3, padding=1, stride=2), (2, 2)),
    (dict(kernel_size=3, padding=1, bias=True), (2, 2)),
    (dict(kernel_size=3), (4, 3)),
    (dict(kernel_size=1, stride=2), (4, 4)),
    (dict(kernel_size=1, stride=2), (3, 3)),
    (dict(kernel_size=(3, 5), padding=(1, 2), stride=(1, 2)), (2, 3)),
    (dict(kernel_size=7, padding=3, stride=2), (4, 4)),
]


@pytest.fixture
def products(monkeypatch) -> list:
    """Shapes of the pixels that were multiplied."""
    shapes = []
    linear = F.linear

    def counted(pixel, *args):
        shapes.append(tuple(pixel.shape))
        return linear(pixel, *args)

    monkeypatch.setattr(small_map_conv.F, 'linear', counted)
    return shapes


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(('settings', 'size'), LAYERS)
def test_it_gives_the_convolution_and_its_gradients(settings, size, memory_format, products):
    torch.manual_seed(0)
    layer = SmallMapConv2d(3, 5, **{'bias': False, **settings}).double()
    layer.to(memory_format=memory_format)
    x = torch.randn(2, 3, *size, dtype=torch.double).to(memory_format=memory_format)
    x.requires_grad_()
    out = layer(x)
    expected = F.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding)
    assert products
    torch.testing.assert_close(out, expected)
    towards = torch.randn_like(out)
    leaves = [x, *layer.parameters()]
    own = torch.autograd.grad(out, leaves, towards, retain_graph=True)
    reference = torch.autograd.grad(expected, leaves, towards)
    torch.testing.assert_close(own, reference)
    assert torch.autograd.gradcheck(layer, x.detach().requires_grad_())


def test_taps_in_the_padding_are_left_out(products):
    SmallMapConv2d(3, 5, 3, padding=1)(torch.randn(2, 3, 1, 1))
    assert products == [(2, 3)]
    products.clear()
    SmallMapConv2d(3, 5, 3, padding=1, stride=2)(torch.randn(2, 3, 4, 4))
    assert len(products) == 4 + 6 + 6 + 9


@pytest.mark.parametrize(
    ('settings', 'size'),
    [
        (dict(kernel_size=3, padding=1), 3),
        (dict(kernel_size=3, padding=1, groups=2), 2),
        (dict(kernel_size=3, padding=2, dilation=2), 2),
        (dict(kernel_size=3, padding=1, padding_mode='reflect'), 2),
        (dict(kernel_size=3, padding='same'), 2),
        (dict(kernel_size=1, padding=1, stride=3), 2),
    ],
)
def test_other_layers_are_convolutions(settings, size, products):
    torch.manual_seed(0)
    layer = SmallMapConv2d(4, 6, **settings)
    plain = nn.Conv2d(4, 6, **settings)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, size, size)
    torch.testing.assert_close(layer(x), plain(x), rtol=0, atol=0)
    assert not products


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_evaluation_copies_no_weights(memory_format, products):
    layer = SmallMapConv2d(4, 6, 3, padding=1).to(memory_format=memory_format).eval()
    x = torch.randn(2, 4, 2, 2)
    out = layer(x)
    assert bool(products) == (memory_format == torch.channels_last)
    torch.testing.assert_close(out, F.conv2d(x, layer.weight, layer.bias, padding=1))


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(
    'trace',
    [
        lambda layer, x: torch.jit.trace(layer, x, check_trace=False),  # the check runs the layer
        lambda layer, x: torch.fx.symbolic_trace(layer),
    ],
    ids=['jit', 'fx'],
)
def test_traced_it_is_a_convolution(trace, training, products):
    layer = SmallMapConv2d(4, 6, 3, padding=1).to(memory_format=torch.channels_last)
    traced = trace(layer.train(training), torch.randn(2, 4, 2, 2))
    assert not products
    x = torch.randn(1, 4, 9, 7)  # another size
    torch.testing.assert_close(traced(x), F.conv2d(x, layer.weight, layer.bias, padding=1))


def test_it_follows_autocast():
    layer = SmallMapConv2d(4, 6, 3, padding=1)
    with torch.autocast('cpu', torch.bfloat16):
        x = F.linear(torch.randn(2, 16), torch.randn(16, 16)).view(2, 4, 2, 2)
        out = layer(x)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32


def test_compiled_it_is_a_convolution(products):
    layer = SmallMapConv2d(4, 6, 3, padding=1)
    x = torch.randn(2, 4, 2, 2)
    compiled = torch.compile(layer, backend='eager', fullgraph=True)
    out = compiled(x)
    assert not products
    torch.testing.assert_close(out, layer(x))
    with pytest.raises(RuntimeError, match='dtype'):
        layer(x.double())


@pytest.mark.parametrize('size', [1, 2])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_the_gradient_lies_as_the_weight(size, memory_format, products):
    layer = SmallMapConv2d(4, 6, 3, padding=1, bias=False).to(memory_format=memory_format)
    layer(torch.randn(2, 4, size, size)).sum().backward()
    assert products
    assert layer.weight.grad.stride() == layer.weight.stride()


def test_a_resnet_trains_as_with_plain_convolutions(products):
    config = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
    with in_scope('mmpretrain'):
        plain = MODELS.build(config)
        fast = MODELS.build(config | dict(conv_cfg=dict(type='ranfer.SmallMapConv2d')))
    plain.init_weights()
    fast.load_state_dict(copy.deepcopy(plain.state_dict()))
    plain, fast = plain.double(), fast.double()
    x = torch.randn(4, 3, 64, 64, dtype=torch.double)
    for model in (plain, fast):
        model(x)[0].square().sum().backward()
    assert products
    for a, b in zip(plain.parameters(), fast.parameters()):
        torch.testing.assert_close(a.grad, b.grad)


def test_a_resnet_starts_from_the_same_weights():
    states = []
    for conv_cfg in (None, dict(type='ranfer.SmallMapConv2d')):
        with in_scope('mmpretrain'):
            model = MODELS.build(dict(type='ResNet', depth=18, base_channels=8, conv_cfg=conv_cfg))
        torch.manual_seed(0)
        model.init_weights()
        states.append(model.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
