"""Whether a call is traced, in every supported PyTorch."""

import torch
from torch.fx import Proxy

if hasattr(torch.compiler, 'is_compiling'):
    from torch.compiler import is_compiling
else:  # PyTorch 2.1 and 2.2
    from torch._dynamo import is_compiling

__all__ = ['is_compiling', 'is_traced']


def is_traced(x: object) -> bool:
    """Whether a layer called with ``x`` is written down for later, for inputs of other sizes.

    By ``torch.compile``, ``torch.export``, ``torch.onnx.export``, ``torch.jit.trace`` or
    ``torch.fx``.
    """
    return is_compiling() or torch.jit.is_tracing() or isinstance(x, Proxy)
