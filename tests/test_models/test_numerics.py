"""Neck, head and loss against loops in float64, written from the paper's equations.

The two sides share no code: the library works on log-weights and splits the concatenation, the
reference multiplies and divides scalars. 1e-6 allows for another order of sums; in float64 the two
differ by about 1e-15.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.utils import digit_version
from mmpretrain.structures import DataSample
from reference import ran, region_biased
from samples import needs_one_graph
from torch import nn
from torch.nn import functional as F

from ranfer.models import RANNeck, RegionBiasedLoss, RelationAttentionHead
from ranfer.models.attention import log_attention
from ranfer.models.losses.region_biased_loss import region_biased_loss
from ranfer.registry import MODELS

ACTIVATIONS = ['sigmoid', 'sigmoid_softmax']
FLOAT16 = pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version('2.3'),
    reason='older CPU builds have no matrix product in float16',
)


def build(dim: int, activation: str, bias: bool, seed: int, margin: float = 0.1):
    torch.manual_seed(seed)
    neck = RANNeck(dim, activation=activation, bias=bias).double()
    head = RelationAttentionHead(
        4,
        dim,
        activation=activation,
        bias=bias,
        region_loss=dict(type='ranfer.RegionBiasedLoss', margin=margin),
    ).double()
    for parameter in [*neck.parameters(), *head.parameters()]:
        torch.nn.init.normal_(parameter)
    return neck, head


def draw(batch: int, regions: int, dim: int, seed: int, gaps: bool = True):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, regions, dim, generator=generator, dtype=torch.float64)
    mask = torch.rand(batch, regions, generator=generator) > (0.4 if gaps else -1)
    mask[torch.arange(batch), torch.randint(regions, (batch,), generator=generator)] = True
    return features, mask


def reference(neck, head, features, mask):
    return ran(
        features.tolist(),
        mask.tolist(),
        neck.attention.weight[0].tolist(),
        neck.attention.bias.item() if neck.attention.bias is not None else 0.0,
        head.attention.weight[0].tolist(),
        head.attention.bias.item() if head.attention.bias is not None else 0.0,
        head.fc.weight.tolist(),
        head.fc.bias.tolist(),
        neck.activation,
    )


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 4),
    regions=st.integers(1, 7),
    dim=st.integers(1, 9),
    activation=st.sampled_from(ACTIVATIONS),
    bias=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_equals_loops(batch, regions, dim, activation, bias, seed):
    neck, head = build(dim, activation, bias, seed)
    features, mask = draw(batch, regions, dim, seed)
    expected = reference(neck, head, features, mask)

    feats = neck((features[mask],), mask)
    (sample_weights, logits) = head.classify(feats)[::-1]

    def close(actual, wanted):
        torch.testing.assert_close(
            actual, torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=1e-6
        )

    close(feats.face_feature, expected.face)
    close(sample_weights.self_weights, expected.mu)
    close(sample_weights.relation_weights, expected.nu)
    close(sample_weights.region_weights, expected.weights)
    close(head.pre_logits(feats), expected.descriptor)
    close(logits, expected.logits)
    loss = head.region_loss(sample_weights.self_weights, mask)
    close(loss, region_biased(expected.mu, mask.tolist(), 0.1))


@pytest.mark.parametrize('activation', ACTIVATIONS)
@pytest.mark.parametrize('gaps', [False, True])
def test_gradcheck(activation, gaps):
    neck, head = build(3, activation, True, 0)
    features, mask = draw(2, 4, 3, 1, gaps)
    packed = features[mask].requires_grad_()

    def forward(x):
        feats = neck((x,), mask)
        logits, weights = head.classify(feats)
        return logits, weights.region_weights, head.region_loss(weights.self_weights, mask)

    assert torch.autograd.gradcheck(forward, (packed,))


@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_permuting_crops_permutes_weights_and_keeps_logits(activation):
    neck, head = build(5, activation, True, 0)
    features, _ = draw(3, 6, 5, 2, gaps=False)
    order = torch.tensor([0, 3, 5, 1, 4, 2])
    mask = torch.ones(3, 6, dtype=torch.bool)
    logits, weights = head.classify(neck((features.flatten(0, 1),), mask))
    permuted_logits, permuted = head.classify(neck((features[:, order].flatten(0, 1),), mask))
    torch.testing.assert_close(permuted_logits, logits)
    for before, after in zip(weights, permuted):
        torch.testing.assert_close(after, before[:, order])
    torch.testing.assert_close(
        head.region_loss(permuted.self_weights), head.region_loss(weights.self_weights)
    )


@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_absent_regions_have_no_weight_and_no_gradient(activation):
    neck, head = build(5, activation, True, 0)
    features, mask = draw(4, 6, 5, 3)
    assert not mask.all()
    packed = features[mask].requires_grad_()
    feats = neck((packed,), mask)
    feats.features.retain_grad()
    logits, weights = head.classify(feats)
    loss = logits.square().sum() + head.region_loss(weights.self_weights, mask)
    loss.backward()
    for values in weights:
        assert (values[~mask] == 0).all()
        assert (values[mask] > 0).all()
    assert (feats.features.grad[~mask] == 0).all()
    assert (packed.grad != 0).any(dim=1).all()
    torch.testing.assert_close(weights.region_weights.sum(1), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_a_face_without_a_region_makes_no_nan_on_the_way(activation):
    """Neither weights nor gradients would show it, but a search for anomalies does."""
    neck, head = build(5, activation, True, 0)
    mask = torch.tensor([[True, True], [False, False]])
    features = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        head(neck((features,), mask)).sum().backward()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize('value', [torch.nan, torch.inf])
@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_rows_of_absent_regions_may_be_no_numbers(activation, value):
    neck, head = build(5, activation, True, 0)
    head.single_region_loss = MODELS.build(dict(type='mmpretrain.CrossEntropyLoss'))
    features, mask = draw(4, 6, 5, 3)
    rows = features.flatten(0, 1)
    spoilt = rows.masked_fill(~mask.flatten()[:, None], value).requires_grad_()
    feats = neck((spoilt,), mask)
    expected, found = head.classify(neck((rows,), mask)), head.classify(feats)
    torch.testing.assert_close(found, expected)
    losses = head.loss(feats, [DataSample().set_gt_label(1) for _ in range(4)])
    sum(losses.values()).backward()
    gradients = [spoilt.grad, *(p.grad for p in [*neck.parameters(), *head.parameters()])]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_absent_regions_equal_fewer_regions(activation):
    neck, head = build(5, activation, True, 0)
    features, _ = draw(2, 3, 5, 4, gaps=False)
    few = torch.ones(2, 3, dtype=torch.bool)
    padded = torch.tensor([[True, True, False, True, False]] * 2)
    short = head(neck((features.flatten(0, 1),), few))
    torch.testing.assert_close(head(neck((features.flatten(0, 1),), padded)), short)


@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_one_region_is_the_plain_feature(activation):
    neck = build(5, activation, True, 0)[0]
    features = torch.randn(4, 5, dtype=torch.float64)
    feats = neck((features,), torch.ones(4, 1, dtype=torch.bool))
    torch.testing.assert_close(feats.face_feature, features)


@pytest.mark.parametrize('activation', ACTIVATIONS)
@pytest.mark.parametrize('size', [0.0, 1.0, 1e4])
def test_extreme_scores_stay_finite(activation, size):
    neck, head = build(3, activation, True, 0)
    neck, head = neck.float(), head.float()
    features = (torch.randn(4, 6, 3) * size).requires_grad_()
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[0, 2:] = False
    logits, weights = head.classify(neck((features[mask],), mask))
    (logits.sum() + head.region_loss(weights.self_weights, mask)).backward()
    for values in (logits, *weights, features.grad):
        assert values.isfinite().all()
    torch.testing.assert_close(weights.region_weights.sum(1), torch.ones(4))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features_give_float32_weights(dtype):
    neck, head = build(8, 'sigmoid', False, 0)
    neck, head = neck.float(), head.float()
    features = torch.randn(12, 8).to(dtype)
    mask = torch.ones(2, 6, dtype=torch.bool)
    with torch.autocast('cpu', torch.bfloat16):
        logits, weights = head.classify(neck((features,), mask))
    exact, _ = head.classify(neck((features.float(),), mask))
    assert logits.dtype == weights.region_weights.dtype == torch.float32
    torch.testing.assert_close(logits, exact)


@pytest.mark.parametrize('activation', ACTIVATIONS)
@pytest.mark.parametrize('dtype', [pytest.param(torch.float16, marks=FLOAT16), torch.bfloat16])
def test_layers_of_half_precision_give_float32_weights(dtype, activation):
    neck, head = (part.to(dtype) for part in build(64, activation, True, 0))
    features = torch.randn(12, 64).to(dtype)
    weights = head.classify(neck(features, num_regions=6))[1]
    exact = head.double().classify(neck.double()(features.double(), num_regions=6))[1]
    for found, expected in zip(weights, exact):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_features_of_another_precision_than_the_layers(dtype, bias):
    neck, head = (part.to(dtype) for part in build(8, 'sigmoid', bias, 0))
    features = torch.randn(12, 8, dtype=torch.float64)
    exact = head.double().classify(neck.double()(features, num_regions=6))[0]
    other = torch.float64 if dtype == torch.float32 else torch.float32
    logits, _ = head.to(dtype).classify(neck.to(dtype)(features.to(other), num_regions=6))
    torch.testing.assert_close(logits.double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ('mu', 'mask', 'expected'),
    [
        ([[0.5, 0.4, 0.3]], None, 0.1 + 0.1),  # the whole face leads: margin plus the gap
        ([[0.5, 0.9, 0.3]], None, 0.0),  # a crop leads by more than the margin
        ([[0.5, 0.55, 0.3]], None, 0.05),  # a crop leads by half the margin
        ([[0.5, 0.9, 0.3]], [[True, False, True]], 0.3),  # the leading crop does not exist
        ([[0.5, 0.9, 0.3]], [[True, False, False]], 0.0),  # no crop at all
        ([[0.5]], None, 0.0),
        ([[0.5, 0.4], [0.5, 0.9]], None, 0.1),  # mean over the batch
    ],
)
def test_region_biased_loss_by_hand(mu, mask, expected):
    mask = None if mask is None else torch.tensor(mask)
    loss = RegionBiasedLoss(margin=0.1)(torch.tensor(mu), mask)
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    doubled = RegionBiasedLoss(margin=0.1, loss_weight=2)(torch.tensor(mu), mask)
    assert doubled.item() == pytest.approx(2 * expected, abs=1e-6)


@pytest.mark.parametrize(('margin', 'losses'), [(0, (0.1, 0)), (1, (1.1, 0.2))])
def test_region_biased_loss_takes_margins_from_0_to_1(margin, losses):
    loss = RegionBiasedLoss(margin)(torch.tensor([[0.5, 0.4], [0.1, 0.9]]))
    assert loss.item() == pytest.approx(sum(losses) / 2)


def test_attention_is_a_sigmoid_by_default():
    scores = torch.tensor([[-1.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(log_attention(scores).exp(), scores.sigmoid())


def test_exported_attention_is_the_same(monkeypatch):
    scores = torch.linspace(-200, 200, 801, dtype=torch.float64)[None]
    usual = log_attention(scores)
    monkeypatch.setattr(torch.onnx, 'is_in_onnx_export', lambda: True)
    monkeypatch.setattr(F, 'logsigmoid', None)
    torch.testing.assert_close(log_attention(scores), usual)


@needs_one_graph
def test_exported_programs_spell_no_logarithm_of_a_sigmoid():
    class Attention(nn.Module):
        def forward(self, scores):
            return log_attention(scores)

    program = torch.export.export(Attention(), (torch.randn(2, 6),))
    assert 'softplus' in str(program.graph) and 'log_sigmoid' not in str(program.graph)


def test_region_biased_loss_sees_no_absent_whole_face():
    mu = torch.tensor([[0.5, 0.4]], requires_grad=True)
    loss = region_biased_loss(mu, 0.5, torch.tensor([[False, True]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(0.1) and mu.grad.tolist() == [[0, -1]]


def test_region_biased_loss_defaults_to_the_papers_margin():
    assert RegionBiasedLoss()(torch.tensor([[0.5, 0.5]])).item() == pytest.approx(0.02)
    assert region_biased_loss(torch.tensor([[0.5]]), 0.1).tolist() == [0]
