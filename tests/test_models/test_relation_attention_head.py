"""RelationAttentionHead: targets, predictions, errors."""

from __future__ import annotations

import pytest
import torch
from mmpretrain.structures import DataSample

from ranfer.models import RANNeck, RelationAttentionHead


def features(batch: int = 3, regions: int = 4, dim: int = 8):
    torch.manual_seed(0)
    return RANNeck(dim, num_regions=regions)(torch.randn(batch * regions, dim))


def test_distribution_and_label_targets_agree_where_they_mean_the_same():
    head = RelationAttentionHead(5, 8)
    feats = features()
    labels = [DataSample().set_gt_label(i) for i in (1, 4, 0)]
    scores = [DataSample().set_gt_score(torch.eye(5)[i]) for i in (1, 4, 0)]
    torch.testing.assert_close(head.loss(feats, labels), head.loss(feats, scores))


def test_loss_names():
    head = RelationAttentionHead(5, 8, region_loss=dict(type='ranfer.RegionBiasedLoss'))
    losses = head.loss(features(), [DataSample().set_gt_label(0) for _ in range(3)])
    assert set(losses) == {'loss', 'loss_region'}


def test_region_loss_is_that_of_existing_regions():
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, False, True], [True, False, False, False]])
    feats = RANNeck(8)(torch.randn(4, 8), mask)
    head = RelationAttentionHead(5, 8, region_loss=dict(type='ranfer.RegionBiasedLoss', margin=1))
    losses = head.loss(feats, [DataSample().set_gt_label(0) for _ in range(2)])
    mu = feats.log_self_weights.exp()
    expected = (1 - (mu[0, [1, 3]].max() - mu[0, 0])) / 2  # the second face has no crop
    torch.testing.assert_close(losses['loss_region'], expected)


def test_keywords_reach_the_classification_loss():
    head = RelationAttentionHead(5, 8)
    samples = [DataSample().set_gt_label(i) for i in (1, 4, 0)]
    each = head.loss(features(), samples, reduction_override='none')['loss']
    torch.testing.assert_close(each.mean(), head.loss(features(), samples)['loss'])
    assert each.shape == (3,)


def test_predictions_carry_the_weights():
    head = RelationAttentionHead(5, 8)
    given = [DataSample(metainfo=dict(img_path=str(i))) for i in range(3)]
    out = head.predict(features(), given)
    assert [sample.img_path for sample in out] == ['0', '1', '2']
    for sample in out:
        assert sample.pred_score.shape == (5,)
        assert sample.pred_score.sum().item() == pytest.approx(1, abs=1e-5)
        assert sample.region_weights.sum().item() == pytest.approx(1, abs=1e-5)
        assert sample.self_weights.shape == sample.relation_weights.shape == (4,)
        product = sample.self_weights * sample.relation_weights
        torch.testing.assert_close(sample.region_weights, product / product.sum())
    assert len(head.predict(features())) == 3


def test_dropout_acts_in_training_only():
    head = RelationAttentionHead(5, 8, dropout=0.5)
    feats = features()
    assert not torch.equal(head(feats), head(feats))
    head.eval()
    assert torch.equal(head(feats), head(feats))


def test_mistakes_name_the_key():
    with pytest.raises(ValueError, match=r'must follow a ranfer\.RANNeck, got features of type'):
        RelationAttentionHead(5, 8)((torch.randn(3, 8),))
    with pytest.raises(ValueError, match='in_channels is 16, but RANNeck gives 8'):
        RelationAttentionHead(5, 16)(features())
    with pytest.raises(ValueError, match='num_classes must be positive, got 0'):
        RelationAttentionHead(0, 8)
    with pytest.raises(ValueError, match=r'RelationAttentionHead\.activation must be one of'):
        RelationAttentionHead(5, 8, activation='relu')
    with pytest.raises(ValueError, match=r'RegionBiasedLoss\.margin must be in \[0, 1\], got 2'):
        RelationAttentionHead(5, 8, region_loss=dict(type='ranfer.RegionBiasedLoss', margin=2))
