"""Mixed precision of training and evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from ranfer.engine import precision


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


@pytest.mark.parametrize(
    ('device', 'onednn', 'bf16', 'reason'),
    [
        ('cuda', False, False, None),
        ('cpu', True, True, None),
        ('cpu', True, False, 'this CPU does not compute in bfloat16'),
        ('cpu', False, True, 'this CPU does not compute in bfloat16'),
        ('mps', True, True, 'MMEngine has none for mps'),
    ],
)
def test_where_amp_is_of_use(monkeypatch, device, onednn, bf16, reason):
    warnings = []
    monkeypatch.setattr(precision, 'get_device', lambda: device)
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: onednn)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: bf16)
    monkeypatch.setattr(precision, 'print_log', lambda text, *_: warnings.append(text))
    assert precision.takes_amp() == (reason is None)
    assert [reason in text for text in warnings] == ([True] if reason else [])


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = torch.get_autocast_gpu_dtype()
    yield
    torch.set_autocast_gpu_dtype(before)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize(('bf16', 'dtype'), [(True, torch.bfloat16), (False, torch.float16)])
def test_evaluation_computes_in_the_type_of_the_training(monkeypatch, default_dtype, bf16, dtype):
    torch.set_autocast_gpu_dtype(torch.float16)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(precision, 'has_bf16', lambda: bf16)
    cfg = Config(dict(val_cfg=None, test_cfg=dict()))
    precision.evaluate_in_half_precision(cfg, 'val_cfg', 'test_cfg')
    assert torch.get_autocast_gpu_dtype() == dtype
    assert cfg.test_cfg.fp16 and cfg.val_cfg is None
