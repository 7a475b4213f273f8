"""Whether a call is traced by ``torch.compile``, in every supported PyTorch."""

import torch

if hasattr(torch.compiler, 'is_compiling'):
    from torch.compiler import is_compiling
else:  # PyTorch 2.1 and 2.2
    from torch._dynamo import is_compiling

__all__ = ['is_compiling']
