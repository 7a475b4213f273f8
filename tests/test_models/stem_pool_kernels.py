"""Run the kernels of the stem's pooling on a CPU, by Triton's interpreter, against PyTorch.

A program of its own, since the interpreter is chosen when Triton is imported.
"""

import os

os.environ['TRITON_INTERPRET'] = '1'

from contextlib import nullcontext
from unittest import mock

import torch
from torch.nn import functional as F

from ranfer.models import StemReLUPool
from ranfer.models.layers import stem_pool

SHAPES = [
    (2, 64, 8, 8),
    (3, 5, 7, 9),
    (1, 16, 1, 1),
    (2, 24, 2, 1),
    (1, 3, 5, 16),
    (2, 1100, 3, 4),
    (0, 4, 4, 4),
]


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def compare(x: torch.Tensor) -> None:
    """Values, and gradients against those in float64, as half precision sums differ."""
    own, reference = x.clone().requires_grad_(), x.double().requires_grad_()
    out = StemReLUPool()(own)
    expected = F.max_pool2d(F.relu(reference), kernel_size=3, stride=2, padding=1)
    assert out.dtype == x.dtype
    assert len(x) == 0 or out.is_contiguous(memory_format=torch.channels_last), x.shape
    assert torch.equal(out.double(), expected), x.shape
    towards = torch.randn(out.shape).to(x.dtype)
    out.backward(towards)
    expected.backward(towards.double())
    torch.testing.assert_close(own.grad, reference.grad.to(x.dtype))


def main() -> None:
    for name in ('stem_pool', 'stem_pool_backward'):
        torch.library.register_kernel(f'ranfer::{name}', 'cpu')(getattr(stem_pool, name))
    empty = stem_pool._empty

    def filled(*args) -> torch.Tensor:  # what a kernel does not write is seen
        return empty(*args).fill_(99)

    patches = dict(_empty=filled, _by_kernels=lambda x: True)
    with (
        mock.patch.multiple(stem_pool, **patches),
        mock.patch('torch.cuda.device_of', return_value=nullcontext()),
    ):
        check()
    print('equal')


def check() -> None:
    torch.manual_seed(0)
    for shape in SHAPES:
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            compare(channels_last(torch.randn(shape).to(dtype)))
            compare(channels_last(torch.randint(-2, 3, shape).to(dtype)))  # many equal values
    x = channels_last(torch.randn(2, 8, 9, 8)).requires_grad_()
    torch.library.opcheck(torch.ops.ranfer.stem_pool.default, (x,))

    def step(x: torch.Tensor) -> torch.Tensor:
        return torch.ops.ranfer.stem_pool(x)[0].square().sum()

    compiled = torch.compile(step, backend='aot_eager', fullgraph=True)
    own = torch.autograd.grad(compiled(x), x)
    torch.testing.assert_close(own, torch.autograd.grad(step(x), x))


if __name__ == '__main__':
    main()
