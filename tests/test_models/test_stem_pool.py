"""ReLU and pooling of a stem against PyTorch's, and where Triton's kernels are called."""

import os.path as osp
import subprocess
import sys

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from ranfer.models import StemReLUPool
from ranfer.models.layers import stem_pool

needs_kernels = pytest.mark.skipif(
    not stem_pool.HAS_KERNELS, reason='needs PyTorch 2.4 or newer and Triton'
)


def usual(x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(F.relu(x), kernel_size=3, stride=2, padding=1)


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('shape', [(2, 4, 8, 8), (1, 3, 7, 5), (2, 2, 1, 1), (2, 2, 2, 3)])
@pytest.mark.parametrize('shift', [-10, -0.5, 0, 0.5])
def test_values_and_gradients_are_those_of_the_usual_order(shape, shift, training, memory_format):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.double) + shift
    x = (x * 2).round() / 2  # many equal values, also at zero
    x = x.contiguous(memory_format=memory_format).requires_grad_()
    out = StemReLUPool().train(training)(x)
    expected = usual(x)
    assert torch.equal(out, expected)
    towards = torch.randn_like(out)
    own = torch.autograd.grad(out, x, towards, retain_graph=True)
    assert torch.equal(own[0], torch.autograd.grad(expected, x, towards)[0])


def test_evaluation_keeps_the_order_that_exporters_fuse(monkeypatch):
    seen = []
    pool = F.max_pool2d
    monkeypatch.setattr(
        stem_pool.F, 'max_pool2d', lambda x, **kwargs: seen.append(x.min()) or pool(x, **kwargs)
    )
    x = torch.randn(2, 3, 8, 8)
    StemReLUPool().eval()(x)
    StemReLUPool().train()(x)
    assert seen == [0, x.min()]


@needs_kernels
def test_the_kernels_equal_pytorch():
    script = osp.join(osp.dirname(__file__), 'stem_pool_kernels.py')
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith('equal\n')


@needs_kernels
@pytest.mark.parametrize(
    ('training', 'memory_format', 'dtype', 'there', 'runs', 'by_kernels'),
    [
        (True, torch.channels_last, torch.bfloat16, True, True, True),
        (True, torch.channels_last, torch.float32, True, True, True),
        (True, torch.channels_last, torch.float64, True, True, False),
        (True, torch.channels_last, torch.bfloat16, True, False, False),
        (True, torch.channels_last, torch.bfloat16, False, True, False),
        (False, torch.channels_last, torch.bfloat16, True, True, False),
        (True, torch.contiguous_format, torch.bfloat16, True, True, False),
    ],
)
def test_where_the_kernels_are_called(
    training, memory_format, dtype, there, runs, by_kernels, monkeypatch
):
    pooled = []
    pool = F.max_pool2d
    monkeypatch.setattr(
        stem_pool.F, 'max_pool2d', lambda x, **kwargs: pooled.append(x) or pool(x, **kwargs)
    )
    monkeypatch.setattr(stem_pool, 'HAS_KERNELS', there)
    monkeypatch.setattr(stem_pool, '_kernels_run', lambda device, dtype: runs)
    with FakeTensorMode():  # there need not be a GPU
        x = torch.empty(2, 4, 9, 8, device='cuda', dtype=dtype)
        out = StemReLUPool().train(training)(x.contiguous(memory_format=memory_format))
    assert out.shape == (2, 4, 5, 4) and out.dtype == dtype
    assert bool(pooled) != by_kernels


def test_kernels_that_do_not_run_are_one_warning(monkeypatch):
    calls, warnings = [], []

    def fail(x):
        calls.append(x.shape)
        raise RuntimeError('\nFailed to find C compiler.\nAnd more.')

    monkeypatch.setattr(stem_pool, 'stem_pool', fail)
    monkeypatch.setattr(stem_pool, 'print_log', lambda text, *_: warnings.append(text))
    stem_pool._kernels_run.cache_clear()
    place = torch.device('cpu'), torch.float32
    assert [stem_pool._kernels_run(*place) for _ in range(3)] == [False] * 3
    stem_pool._kernels_run.cache_clear()
    assert len(calls) == len(warnings) == 1
    assert 'on cpu (Failed to find C compiler.), so' in warnings[0]


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_a_cpu_does_not_ask_for_kernels(memory_format, monkeypatch):
    monkeypatch.setattr(stem_pool, '_kernels_run', None)
    x = torch.randn(2, 3, 8, 8).contiguous(memory_format=memory_format)
    assert torch.equal(StemReLUPool()(x), usual(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('shape', [(2, 64, 9, 8), (3, 5, 1, 1), (64, 32, 56, 56)])
def test_on_a_gpu(shape, dtype):
    x = torch.randn(shape, device='cuda').to(dtype).contiguous(memory_format=torch.channels_last)
    own, reference = x.clone().requires_grad_(), x.double().requires_grad_()
    out, expected = StemReLUPool()(own), usual(reference)
    assert torch.equal(out.double(), expected)
    towards = torch.randn(out.shape, device='cuda').to(dtype)
    out.backward(towards)
    expected.backward(towards.double())
    torch.testing.assert_close(own.grad, reference.grad.to(dtype))
