"""Traced calls are told from others."""

from __future__ import annotations

import torch

from ranfer.utils.compiling import is_compiling


def test_a_traced_call_is_told_from_others():
    torch._dynamo.reset()
    traced = torch.compile(lambda x: x + 1 if is_compiling() else x, backend='eager')
    assert traced(torch.zeros(1)) == 1
    assert not is_compiling()
