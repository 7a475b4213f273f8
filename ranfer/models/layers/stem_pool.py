"""ReLU and pooling of a stem that train fast on GPUs."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib.util import find_spec

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn import functional as F

from ranfer.utils.compiling import is_compiling

HAS_KERNELS = hasattr(torch.library, 'custom_op') and find_spec('triton') is not None
"""Whether PyTorch (2.4 and newer) and Triton are there to run the kernels."""


class StemReLUPool(nn.Module):
    """ReLU and max pooling over 3 x 3 windows at every second pixel, as after a stem convolution.

    In training the pooling comes first, which gives the same values and gradients and leaves the
    ReLU a quarter of the pixels. On a GPU, in channels_last, Triton kernels keep the place of the
    largest value of a window in one byte and write every block of 2 x 2 pixels of the gradient at
    once; they have first derivatives only. Where Triton cannot build them (it needs a C compiler),
    before PyTorch 2.4, on CPUs, in float64 and other memory formats PyTorch pools. Evaluation keeps
    the usual order.

    Example:
        >>> pool = StemReLUPool()
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, C, ceil(H / 2), ceil(W / 2))`` of ``(N, C, H, W)``."""
        if not self.training:
            return F.max_pool2d(F.relu(x), kernel_size=3, stride=2, padding=1)
        if _by_kernels(x):
            return F.relu(torch.ops.ranfer.stem_pool(x)[0])
        return F.relu(F.max_pool2d(x, kernel_size=3, stride=2, padding=1))


def _by_kernels(x: Tensor) -> bool:
    if isinstance(x, Proxy):  # of torch.fx, which knows no device
        return False
    if not (HAS_KERNELS and x.is_cuda and x.dim() == 4 and x.dtype != torch.float64):
        return False
    last = x.is_contiguous(memory_format=torch.channels_last)
    # a compiled model needs Triton anyway
    return last and (is_compiling() or _kernels_run(x.device, x.dtype))


@lru_cache
def _kernels_run(device: torch.device, dtype: torch.dtype) -> bool:
    """Try the kernels once."""
    try:
        out, taps = stem_pool(torch.zeros(1, 1, 2, 2, device=device, dtype=dtype))
        stem_pool_backward(out, taps, 2, 2)
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:  # no compiler, no headers of Python, a GPU that Triton does not know
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print_log(
            f'Triton cannot run kernels on {device} ({reason}), so the stem of FastResNet trains '
            f'by the slower pooling of PyTorch; a C compiler in PATH may mend it.',
            'current',
            logging.WARNING,
        )
        return False
    return True


def stem_pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Largest value of every window, and which of its places 0 to 8 has it.

    Args:
        x: ``(N, C, H, W)``, channels_last, on a GPU.

    Returns:
        tuple: ``(N, C, ceil(H / 2), ceil(W / 2))`` in the dtype of ``x``, and the same in int8.
    """
    from ranfer.models.layers import pool_kernels

    out, taps = _empty_maps(x)
    with torch.cuda.device_of(x):
        pool_kernels.pool(x, out, taps)
    return out, taps


def stem_pool_backward(grad: Tensor, taps: Tensor, height: int, width: int) -> Tensor:
    """Gradient ``(N, C, height, width)`` of the maps from that of the pooled ones."""
    from ranfer.models.layers import pool_kernels

    out = _empty_gradient(grad, taps, height, width)
    with torch.cuda.device_of(grad):
        pool_kernels.pool_backward(grad.contiguous(memory_format=torch.channels_last), taps, out)
    return out


def _empty_maps(x: Tensor) -> tuple[Tensor, Tensor]:
    shape = (x.size(0), x.size(1), (x.size(2) + 1) // 2, (x.size(3) + 1) // 2)
    return _empty(shape, x, x.dtype), _empty(shape, x, torch.int8)


def _empty_gradient(grad: Tensor, taps: Tensor, height: int, width: int) -> Tensor:
    return _empty((*taps.shape[:2], height, width), grad, grad.dtype)


def _empty(shape: tuple[int, ...], like: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=torch.channels_last)


def _keep_taps(ctx, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
    ctx.size = inputs[0].shape[2:]
    ctx.save_for_backward(output[1])


def _backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
    return torch.ops.ranfer.stem_pool_backward(grad, *ctx.saved_tensors, *ctx.size)


if HAS_KERNELS:  # operators, so that torch.compile takes them as they are
    _define = torch.library.custom_op
    _operator = _define(
        'ranfer::stem_pool',
        stem_pool,
        mutates_args=(),
        device_types='cuda',
        schema='(Tensor x) -> (Tensor, Tensor)',
    )
    _operator.register_fake(_empty_maps)
    _operator.register_autograd(_backward, setup_context=_keep_taps)
    _define(
        'ranfer::stem_pool_backward',
        stem_pool_backward,
        mutates_args=(),
        device_types='cuda',
        schema='(Tensor grad, Tensor taps, SymInt height, SymInt width) -> Tensor',
    ).register_fake(_empty_gradient)
