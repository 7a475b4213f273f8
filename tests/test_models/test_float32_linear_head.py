"""Logits of the plain classifier under autocast."""

from __future__ import annotations

import torch
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample

from ranfer.models import Float32LinearHead


def test_autocast_changes_no_digit_and_ties_no_class():
    torch.manual_seed(0)
    head, stock = Float32LinearHead(3, 8), LinearClsHead(3, 8)
    head.fc.weight.data[:] = torch.linspace(1, 1.002, 3)[:, None]  # bfloat16 has steps of 0.008
    stock.load_state_dict(head.state_dict())
    feats = (torch.rand(4, 8),)
    expected = head(feats)
    torch.testing.assert_close(stock(feats), expected, rtol=0, atol=0)
    samples = [DataSample().set_gt_label(2) for _ in range(4)]
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(head(feats), expected)
        assert {int(p.pred_label) for p in head.predict(feats)} == {2}
        assert head.predict(feats)[0].pred_score.dtype == torch.float32
        loss = head.loss(feats, samples)['loss']
    assert torch.equal(loss, head.loss(feats, samples)['loss'])


def test_features_of_half_precision():
    head = Float32LinearHead(3, 8)
    assert head((torch.rand(2, 8).bfloat16(),)).dtype == torch.float32
