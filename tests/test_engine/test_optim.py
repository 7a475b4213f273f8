"""bf16 training on the CPU."""

from __future__ import annotations

import torch
from mmengine.optim import build_optim_wrapper


def test_forward_runs_in_bfloat16_and_weights_stay_float32():
    model = torch.nn.Linear(4, 4)
    wrapper = build_optim_wrapper(
        model, dict(type='ranfer.AutocastOptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.randn(2, 4))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().sum())
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)
    assert model(torch.randn(2, 4)).dtype == torch.float32
