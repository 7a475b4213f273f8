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


@pytest.mark.parametrize('first', [0, 1])
def test_targets_of_both_kinds_in_a_batch_are_refused(first):
    """The first sample would decide: distributions dropped in silence, or an AttributeError."""
    samples = [DataSample().set_gt_label(1) for _ in range(3)]
    samples[first].set_gt_score(torch.eye(5)[1])
    with pytest.raises(
        ValueError, match='^Some samples .* have gt_score and others .*; set use_distribution alike'
    ):
        RelationAttentionHead(5, 8).loss(features(), samples)


def test_loss_names():
    head = RelationAttentionHead(
        5,
        8,
        region_loss=dict(type='ranfer.RegionBiasedLoss'),
        single_region_loss=dict(type='CrossEntropyLoss'),
    )
    losses = head.loss(features(), [DataSample().set_gt_label(0) for _ in range(3)])
    assert set(losses) == {'loss', 'loss_region', 'loss_single_region'}


def test_region_loss_is_that_of_existing_regions():
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, False, True], [True, False, False, False]])
    feats = RANNeck(8)(torch.randn(4, 8), mask)
    head = RelationAttentionHead(5, 8, region_loss=dict(type='ranfer.RegionBiasedLoss', margin=1))
    losses = head.loss(feats, [DataSample().set_gt_label(0) for _ in range(2)])
    mu = feats.log_self_weights.exp()
    expected = (1 - (mu[0, [1, 3]].max() - mu[0, 0])) / 2  # the second face has no crop
    torch.testing.assert_close(losses['loss_region'], expected)


@pytest.mark.parametrize('activation', ['sigmoid', 'sigmoid_softmax'])
@pytest.mark.parametrize('kind', ['label', 'distribution'])
@pytest.mark.parametrize('complete', [True, False])
def test_single_region_loss_is_that_of_a_ran_of_one_region(activation, kind, complete):
    """Mean over the existing regions of the loss of a RAN that sees this region alone."""
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, complete, True], [True, complete, complete, complete]])
    neck = RANNeck(8, activation=activation)
    head = RelationAttentionHead(
        5, 8, activation=activation, single_region_loss=dict(type='CrossEntropyLoss')
    )
    head.init_weights()
    torch.nn.init.normal_(head.fc.bias)
    rows = torch.randn(int(mask.sum()), 8)
    target = torch.tensor([3, 1]) if kind == 'label' else torch.rand(2, 5).softmax(1)
    samples = [
        DataSample().set_gt_label(x) if kind == 'label' else DataSample().set_gt_score(x)
        for x in target
    ]
    losses = head.loss(neck(rows, mask), samples)
    alone = head(neck(rows, torch.ones(len(rows), 1, dtype=torch.bool)))
    owner = mask.nonzero()[:, 0]
    expected = torch.nn.functional.cross_entropy(alone, target[owner])
    torch.testing.assert_close(losses['loss_single_region'], expected)


@pytest.mark.parametrize('kind', ['label', 'distribution'])
def test_one_region_of_one_face_costs_its_loss_by_itself(kind):
    torch.manual_seed(0)
    head = RelationAttentionHead(5, 8, single_region_loss=dict(type='CrossEntropyLoss'))
    sample = DataSample().set_gt_label(3).set_gt_score(torch.eye(5)[3])
    if kind == 'label':
        del sample.gt_score
    feats = RANNeck(8)(torch.randn(1, 8), torch.tensor([[False, True]]))
    losses = head.loss(feats, [sample])
    torch.testing.assert_close(losses['loss_single_region'], losses['loss'])


@pytest.mark.parametrize('kind', ['CrossEntropyLoss', 'FocalLoss', 'LabelSmoothLoss'])
def test_single_region_loss_is_as_large_with_gaps_as_without(kind):
    """Without a factor FocalLoss is a mean over the classes too."""
    loss = dict(type=kind, **(dict(label_smooth_val=0.1) if kind == 'LabelSmoothLoss' else {}))
    head, feats = RelationAttentionHead(5, 8, single_region_loss=loss), features()
    samples = [DataSample().set_gt_label(i) for i in (1, 4, 0)]
    masked = feats._replace(mask=torch.ones(3, 4, dtype=torch.bool))
    whole, same = (head.loss(x, samples)['loss_single_region'] for x in (feats, masked))
    torch.testing.assert_close(whole, same)


def test_faces_without_any_region_have_no_single_region_loss():
    head = RelationAttentionHead(5, 8, single_region_loss=dict(type='CrossEntropyLoss'))
    feats = RANNeck(8)(torch.zeros(0, 8), torch.zeros(2, 3, dtype=torch.bool))
    losses = head.loss(feats, [DataSample().set_gt_label(0) for _ in range(2)])
    assert losses['loss_single_region'].item() == 0


def test_single_region_loss_leaves_the_attention_alone():
    head = RelationAttentionHead(5, 8, single_region_loss=dict(type='CrossEntropyLoss'))
    samples = [DataSample().set_gt_label(i) for i in range(3)]
    head.loss(features(), samples)['loss_single_region'].backward()
    assert head.attention.weight.grad is None
    assert head.fc.weight.grad.abs().sum() > 0


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


def test_predictions_carry_the_weights_of_their_own_regions():
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    feats = RANNeck(8)(torch.randn(8, 8), mask)
    samples = [DataSample(metainfo=dict(regions=torch.zeros(count, 4))) for count in (5, 3)]
    for sample, count in zip(RelationAttentionHead(5, 8).predict(feats, samples), (5, 3)):
        for name in ('self_weights', 'relation_weights', 'region_weights'):
            assert sample.get(name).shape == (count,)
        assert sample.region_weights.sum().item() == pytest.approx(1, abs=1e-5)


def test_dropout_acts_in_training_only():
    head = RelationAttentionHead(5, 8, dropout=0.5)
    feats = features()
    assert not torch.equal(head(feats), head(feats))
    head.eval()
    assert torch.equal(head(feats), head(feats))


def test_stock_initialisation_is_normal_and_can_be_changed():
    torch.manual_seed(0)
    head = RelationAttentionHead(5, 4000, bias=True)
    head.init_weights()
    assert head.attention.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert head.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert head.num_classes == 5 and head.attention.bias.item() == 0
    assert RelationAttentionHead(5, 8).attention.bias is None
    constant = RelationAttentionHead(
        5, 8, init_cfg=dict(type='Constant', layer='Linear', val=0.5, bias=0.25)
    )
    constant.init_weights()
    assert (constant.fc.weight == 0.5).all() and (constant.fc.bias == 0.25).all()


def test_the_classification_loss_can_be_chosen():
    head = RelationAttentionHead(5, 8, loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1))
    assert type(head.loss_module).__name__ == 'LabelSmoothLoss'
    assert type(RelationAttentionHead(1, 8).loss_module).__name__ == 'CrossEntropyLoss'


def test_a_face_without_a_region_has_no_weights():
    mask = torch.tensor([[True, True], [False, False]])
    head = RelationAttentionHead(5, 8).eval()
    logits, weights = head.classify(RANNeck(8)(torch.randn(2, 8), mask))
    assert all((values[1] == 0).all() for values in weights)
    torch.testing.assert_close(logits[1], head.fc.bias)


def test_autocast_changes_no_digit():
    head = RelationAttentionHead(5, 8, bias=True).eval()
    feats = features()
    feats = feats._replace(features=feats.features * 100, face_feature=feats.face_feature * 100)
    exact = head.classify(feats)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = head.classify(feats)
    assert torch.equal(mixed[0], exact[0])
    for a, b in zip(mixed[1], exact[1]):
        assert torch.equal(a, b)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_weights_of_another_precision(dtype):
    torch.manual_seed(0)
    neck, head = RANNeck(8, num_regions=4), RelationAttentionHead(5, 8, bias=True)
    x = torch.randn(12, 8)
    exact = head.classify(neck(x))
    logits, weights = head.to(dtype).classify(neck.to(dtype)(x.to(dtype)))
    assert logits.dtype == dtype
    # bfloat16 keeps 8 bits of weights and features
    torch.testing.assert_close(logits.float(), exact[0], atol=0.02, rtol=0.02)
    torch.testing.assert_close(
        weights.region_weights.float(), exact[1].region_weights, atol=0.02, rtol=0.02
    )
    assert head.classify_regions(x.view(3, 4, 8)).dtype == dtype
    samples = [DataSample().set_gt_label(i) for i in (1, 4, 0)]
    head.loss(neck(x.to(dtype)), samples)['loss'].backward()
    assert head.attention.weight.grad.isfinite().all()


def test_weights_in_predictions_carry_no_graph():
    sample = RelationAttentionHead(5, 8).predict(features())[0]
    assert not sample.region_weights.requires_grad


@pytest.mark.parametrize(
    ('config', 'sentence'),
    [
        (dict(num_classes=0), 'RelationAttentionHead.num_classes must be positive, got 0.'),
        (dict(dropout=1), 'RelationAttentionHead.dropout must be in [0, 1), got 1.'),
        (
            dict(activation='relu'),
            "RelationAttentionHead.activation must be one of ('sigmoid', 'sigmoid_softmax'), got "
            "'relu'.",
        ),
        (
            dict(region_loss=dict(type='ranfer.RegionBiasedLoss', margin=2)),
            'RegionBiasedLoss.margin must be in [0, 1], got 2.',
        ),
        (
            dict(region_loss='RegionBiasedLoss'),
            "RelationAttentionHead.region_loss is 'RegionBiasedLoss', must be the config of a loss "
            "such as region_loss=dict(type='...').",
        ),
        (dict(single_region_loss='L1'), "RelationAttentionHead.single_region_loss is 'L1', must"),
        (dict(loss=1), 'RelationAttentionHead.loss is 1, must'),
    ],
)
def test_bad_config_names_the_key(config, sentence):
    with pytest.raises(ValueError) as error:
        RelationAttentionHead(**dict(dict(num_classes=5, in_channels=8), **config))
    assert sentence in str(error.value)


@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_other_numbers_of_samples_and_faces_are_one_sentence(mode):
    head = RelationAttentionHead(5, 8)
    samples = [DataSample().set_gt_label(0) for _ in range(2)]
    with pytest.raises(ValueError) as error:
        getattr(head, mode)(features(), samples)
    assert str(error.value) == (
        '3 faces came out of RANNeck for 2 samples; set RANNeck.num_regions to the number of '
        'regions that RegionCropTransform gives, the whole face included, in training and test '
        'alike.'
    )


@pytest.mark.parametrize('label', [5, 7])
def test_a_label_beyond_the_classes_is_one_sentence(label):
    samples = [DataSample().set_gt_label(i) for i in (1, label, 4)]
    with pytest.raises(ValueError) as error:
        RelationAttentionHead(5, 8).loss(features(), samples)
    assert str(error.value) == (
        f'head.num_classes is 5, but a sample has the label {label}; set num_classes to the '
        f'number of classes of the data set.'
    )


def test_a_batch_without_a_sample_is_one_sentence_in_training_and_nothing_in_a_test():
    head, feats = RelationAttentionHead(5, 8), features(batch=0)
    with pytest.raises(ValueError) as error:
        head.loss(feats, [])
    assert str(error.value) == (
        'A batch of training has no sample, expected at least one; see that the sampler and '
        'collate_fn of train_dataloader give some.'
    )
    assert head.predict(feats, []) == []


def test_a_distribution_over_other_classes_is_one_sentence():
    samples = [DataSample().set_gt_score(torch.ones(4) / 4) for _ in range(3)]
    with pytest.raises(ValueError) as error:
        RelationAttentionHead(5, 8).loss(features(), samples)
    assert str(error.value) == (
        'head.num_classes is 5, but a sample has a distribution over 4 classes; set num_classes of '
        'head and data_preprocessor to the number of classes of the data set.'
    )


def test_mistakes_name_the_key():
    with pytest.raises(ValueError) as error:
        RelationAttentionHead(5, 8)((torch.randn(3, 8),))
    assert str(error.value) == (
        'RelationAttentionHead must follow a ranfer.RANNeck, got features of type tuple; set '
        "neck=dict(type='ranfer.RANNeck', ...) in the model."
    )
    with pytest.raises(ValueError) as error:
        RelationAttentionHead(5, 16)(features())
    assert str(error.value) == (
        'RelationAttentionHead.in_channels is 16, but RANNeck gives 8 channels; make the two agree.'
    )
