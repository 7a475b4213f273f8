"""The convolution by windows against PyTorch's."""

import pytest
import torch
from torch.nn import functional as F

from ranfer.models import SmallMapConv2d
from ranfer.models.layers import small_map_conv, window_conv
from ranfer.models.layers.window_conv import conv2d_by_windows

GEOMETRIES = [
    ((3, 3), (1, 1), (1, 1), (4, 4)),
    ((3, 3), (2, 2), (1, 1), (8, 8)),
    ((3, 3), (2, 2), (1, 1), (7, 5)),
    ((3, 3), (1, 1), (0, 0), (4, 5)),
    ((1, 1), (2, 2), (0, 0), (8, 7)),
    ((3, 5), (1, 2), (1, 2), (3, 6)),
    ((2, 2), (3, 3), (1, 0), (7, 8)),
]


both_ways = pytest.mark.parametrize('whole', [False, True])


@both_ways
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(('kernel', 'stride', 'padding', 'size'), GEOMETRIES)
def test_it_gives_the_convolution_and_its_gradients(
    kernel, stride, padding, size, memory_format, whole
):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.double).to(memory_format=memory_format)
    weight = torch.randn(5, 3, *kernel, dtype=torch.double).to(memory_format=memory_format)
    leaves = [x.requires_grad_(), weight.requires_grad_(), torch.randn(5).double().requires_grad_()]
    out = conv2d_by_windows(*leaves, stride, padding, whole)
    expected = F.conv2d(*leaves, stride, padding)
    torch.testing.assert_close(out, expected)
    towards = torch.randn_like(out)
    own = torch.autograd.grad(out, leaves, towards, retain_graph=True)
    torch.testing.assert_close(own, torch.autograd.grad(expected, leaves, towards))
    for leaf, gradient in zip(leaves, own):  # what is not asked for is not computed, nor needed
        (alone,) = torch.autograd.grad(out, leaf, towards, retain_graph=True)
        torch.testing.assert_close(alone, gradient)
    assert torch.autograd.gradcheck(
        lambda *of: conv2d_by_windows(*of, stride, padding, whole), leaves
    )


@both_ways
def test_half_precision_is_near(whole):
    torch.manual_seed(0)
    x = torch.randn(4, 16, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(8, 16, 3, 3, dtype=torch.bfloat16, requires_grad=True)
    out = conv2d_by_windows(x, weight, None, (1, 1), (1, 1), whole)
    exact = F.conv2d(x.double(), weight.double(), None, 1, 1)
    towards = torch.randn_like(out)
    pairs = [
        (out, exact),
        *zip(
            torch.autograd.grad(out, [x, weight], towards),
            torch.autograd.grad(exact, [x, weight], towards.double()),
        ),
    ]
    for own, expected in pairs:
        assert own.dtype == torch.bfloat16
        error = (own.double() - expected.double()).abs().max() / expected.double().abs().max()
        assert error < 2**-7


def test_half_precision_is_summed_in_float32():
    windows = torch.full((1, 3, 3, 3, 3, 1), 2.0**-9, dtype=torch.bfloat16)
    windows[:, :, :, 0, 0] = 1  # bfloat16 would lose each of the eight that follow
    total = window_conv._sum_of_windows(windows, (3, 3), (1, 1), (1, 1))
    assert total.dtype == torch.bfloat16
    assert total[0, 0, 1, 1] == 1 + 8 * 2.0**-9


@both_ways
def test_the_gradient_lies_as_the_weight_in_channels_last(whole):
    x = torch.randn(2, 4, 4, 4).to(memory_format=torch.channels_last)
    weight = torch.randn(6, 4, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    out = conv2d_by_windows(x, weight, None, (1, 1), (1, 1), whole)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(out.sum(), weight)
    assert gradient.stride() == weight.stride()


@pytest.mark.parametrize(
    ('keys', 'size', 'training', 'dtype', 'expected'),
    [
        (dict(), 4, True, torch.bfloat16, 'partly'),
        (dict(), 3, True, torch.bfloat16, 'partly'),
        (dict(out_channels=300), 4, True, torch.bfloat16, 'wholly'),
        (dict(stride=2), 4, True, torch.bfloat16, 'wholly'),
        (dict(stride=2, kernel_size=1, padding=0), 4, True, torch.bfloat16, 'wholly'),
        (dict(), 2, True, torch.bfloat16, None),  # by products: most taps lie in the padding
        (dict(), 5, True, torch.bfloat16, None),
        (dict(), 4, False, torch.bfloat16, None),
        (dict(), 4, True, torch.float32, None),
    ],
)
def test_small_maps_of_bfloat16_take_it_in_training(
    keys, size, training, dtype, expected, monkeypatch
):
    calls = []

    def counted(*args):
        calls.append(args)
        return conv2d_by_windows(*args)

    monkeypatch.setattr(small_map_conv, 'conv2d_by_windows', counted)
    monkeypatch.setattr(small_map_conv, 'WIDE', 4 * 100 * 9)
    keys = dict(out_channels=6, kernel_size=3, padding=1) | keys
    layer = SmallMapConv2d(4, **keys).train(training)
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        out = layer(torch.randn(2, 4, size, size).to(dtype))
        plain = F.conv2d(*calls[0][:-1]) if calls else out
    assert [('wholly' if args[-1] else 'partly') for args in calls] == [expected] * len(calls)
    assert bool(calls) == (expected is not None)
    assert out.dtype == dtype
    torch.testing.assert_close(out, plain, atol=2**-8, rtol=2**-6)
    out.float().sum().backward()
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32
