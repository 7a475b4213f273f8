"""The stem convolution on blocks of pixels against PyTorch's."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ranfer.models import StemConv2d
from ranfer.models.layers import stem_conv


class OnGPU(torch.Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = True


@pytest.mark.parametrize('size', [(8, 8), (9, 12), (7, 5), (1, 1), (2, 3)])
@pytest.mark.parametrize(('channels', 'bias'), [(3, False), (1, True), (4, True)])
def test_blocks_give_the_convolution_and_its_gradients(size, channels, bias):
    torch.manual_seed(0)
    x = torch.randn(2, channels, *size, dtype=torch.double, requires_grad=True)
    weight = torch.randn(5, channels, 7, 7, dtype=torch.double, requires_grad=True)
    offset = torch.randn(5, dtype=torch.double) if bias else None
    own = stem_conv.conv_by_blocks(x, weight, offset)
    expected = F.conv2d(x, weight, offset, stride=2, padding=3)
    torch.testing.assert_close(own, expected)
    towards = torch.randn_like(own)
    torch.testing.assert_close(
        torch.autograd.grad(own, (x, weight), towards),
        torch.autograd.grad(expected, (x, weight), towards),
    )


def test_on_a_cpu_it_is_a_convolution():
    torch.manual_seed(0)
    layer, plain = (kind(3, 5, 7, stride=2, padding=3) for kind in (StemConv2d, nn.Conv2d))
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3, 9, 8).contiguous(memory_format=torch.channels_last)
    expected = plain(x)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=0)
    compiled = torch.compile(layer, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('settings', 'memory_format', 'compiling', 'by_blocks'),
    [
        (dict(), torch.channels_last, True, True),
        (dict(), torch.channels_last, False, False),
        (dict(), torch.contiguous_format, True, False),
        (dict(kernel_size=5, padding=2), torch.channels_last, True, False),
        (dict(stride=1), torch.channels_last, True, False),
        (dict(padding=2), torch.channels_last, True, False),
        (dict(dilation=2), torch.channels_last, True, False),
        (dict(padding_mode='circular'), torch.channels_last, True, False),
        (dict(in_channels=6), torch.channels_last, True, False),
        (dict(groups=3, out_channels=6), torch.channels_last, True, False),
    ],
)
def test_where_blocks_are_used(settings, memory_format, compiling, by_blocks, monkeypatch):
    calls = []

    def noted(x, weight, bias):
        calls.append(x.shape)
        return F.conv2d(x, weight, bias, stride=2, padding=3)

    monkeypatch.setattr(stem_conv, 'conv_by_blocks', noted)
    monkeypatch.setattr(stem_conv, 'is_compiling', lambda: compiling)
    usual = dict(in_channels=3, out_channels=5, kernel_size=7, stride=2, padding=3)
    layer = StemConv2d(**usual | settings)
    x = torch.randn(2, layer.in_channels, 16, 16).contiguous(memory_format=memory_format)
    layer(x.as_subclass(OnGPU))
    assert bool(calls) == by_blocks


@pytest.mark.parametrize('size', [(8, 8), (9, 12), (7, 5)])
def test_blocks_keep_channels_last(size):
    x = torch.randn(2, 3, *size).contiguous(memory_format=torch.channels_last)
    out = stem_conv.conv_by_blocks(x, torch.randn(5, 3, 7, 7))
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_an_empty_batch():
    weight = torch.randn(5, 3, 7, 7)
    assert stem_conv.conv_by_blocks(torch.randn(0, 3, 9, 8), weight).shape == (0, 5, 5, 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_compiled_on_a_gpu():
    torch.manual_seed(0)
    layer = StemConv2d(3, 64, 7, stride=2, padding=3, bias=False, device='cuda')
    x = torch.randn(4, 3, 63, 64, device='cuda').contiguous(memory_format=torch.channels_last)
    out, expected = torch.compile(layer)(x), layer(x)
    torch.testing.assert_close(out, expected, atol=1e-2, rtol=1e-2)  # TF32
    towards = torch.randn_like(out)
    [own], [reference] = (torch.autograd.grad(y, layer.weight, towards) for y in (out, expected))
    torch.testing.assert_close(own, reference, atol=0.1, rtol=1e-2)
