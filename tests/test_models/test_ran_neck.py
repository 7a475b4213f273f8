"""RANNeck: inputs it takes, errors it gives."""

from __future__ import annotations

import pytest
import torch

from ranfer.models import RANNeck, RegionFeatures
from ranfer.models.necks import ran_neck


@pytest.mark.parametrize(
    'shape', [(12, 8), (12, 8, 3, 3), (12, 3, 3, 8), (12, 9, 8)], ids=['vec', 'NCHW', 'NHWC', 'NLC']
)
def test_takes_every_backbone_output(shape):
    x = torch.randn(shape)
    feats = RANNeck(8, num_regions=6)((torch.zeros(1), x))
    assert isinstance(feats, RegionFeatures)
    assert feats.features.shape == (2, 6, 8)
    assert feats.face_feature.shape == (2, 8)
    assert feats.mask is None
    channel = shape.index(8) if len(shape) > 2 else 1
    pooled = x.movedim(channel, 1).reshape(12, 8, -1).mean(2)
    torch.testing.assert_close(feats.features.flatten(0, 1), pooled)


def test_mask_and_num_regions_agree_on_complete_samples():
    neck = RANNeck(8, num_regions=3)
    x = torch.randn(6, 8)
    with_mask = neck(x, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(with_mask.face_feature, neck(x).face_feature)
    assert with_mask.mask is None


def test_the_number_of_regions_may_come_with_the_features():
    x = torch.randn(6, 8)
    neck = RANNeck(8)
    told, known = neck(x, num_regions=3), neck(x, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(told.face_feature, known.face_feature)
    assert told.mask is None
    with pytest.raises(ValueError, match='num_regions is 4, but 6 region features came'):
        neck(x, num_regions=4)
    with pytest.raises(ValueError, match='num_regions is 2, but the samples have 3 regions'):
        RANNeck(8, num_regions=2)(x, num_regions=3)


def test_one_region_is_allowed():
    assert RANNeck(8, num_regions=1)(torch.randn(2, 8)).features.shape == (2, 1, 8)


def test_stock_initialisation_is_normal_and_can_be_changed():
    torch.manual_seed(0)
    neck = RANNeck(10_000, bias=True)
    neck.init_weights()
    assert neck.attention.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert neck.attention.bias.item() == 0
    assert RANNeck(8).attention.bias is None
    constant = RANNeck(8, init_cfg=dict(type='Constant', layer='Linear', val=0.5))
    constant.init_weights()
    assert (constant.attention.weight == 0.5).all()


def test_a_face_without_a_region_is_zero():
    mask = torch.tensor([[True, True], [False, False]])
    feats = RANNeck(8)(torch.randn(2, 8), mask)
    assert (feats.face_feature[1] == 0).all() and (feats.log_self_weights[1] < -1e30).all()
    assert feats.mask is mask


def test_rows_of_missing_regions_weigh_nothing():
    mask = torch.tensor([[True] * 4, [True, True, False, True]])
    neck, rows = RANNeck(8), torch.randn(8, 8)
    padded, packed = neck(rows, mask), neck(rows[mask.flatten()], mask)
    assert padded.mask is mask and (padded.features[~mask] == 0).all()
    torch.testing.assert_close(padded.face_feature, packed.face_feature)
    torch.testing.assert_close(padded.log_self_weights, packed.log_self_weights)


@pytest.mark.parametrize(('device', 'compiling'), [('cpu', True), ('meta', False)])
def test_a_mask_that_cannot_be_read_stays(monkeypatch, device, compiling):
    """Reading it would break a graph, or wait for a device."""
    monkeypatch.setattr(ran_neck, 'is_compiling', lambda: compiling)
    mask = torch.ones(2, 3, dtype=torch.bool, device=device)
    assert RANNeck(8)._group_masked(torch.zeros(6, 8, device=device), mask)[1] is mask


@pytest.mark.parametrize('rows', [5, 7, 9])
def test_rows_that_fit_no_mask_are_one_sentence(rows):
    mask = torch.tensor([[True] * 4, [True, False, False, True]])
    with pytest.raises(ValueError) as error:
        RANNeck(8)(torch.randn(rows, 8), mask)
    assert str(error.value) == (
        f'RANNeck got {rows} region features, but region_mask has 6 regions in 8 places; pass one '
        f'feature a region or one a place.'
    )


def test_autocast_changes_no_digit():
    neck = RANNeck(8, num_regions=6)
    x = torch.randn(12, 8) * 100
    exact = neck(x)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = neck(x)
    assert torch.equal(mixed.log_self_weights, exact.log_self_weights)
    assert torch.equal(mixed.face_feature, exact.face_feature)


@pytest.mark.parametrize(
    ('config', 'shape', 'mask', 'sentence'),
    [
        (
            dict(),
            (12, 8),
            None,
            'RANNeck needs num_regions in its config, or the regions with the features '
            '(ranfer.RANClassifier tells them).',
        ),
        (
            dict(num_regions=5),
            (12, 8),
            None,
            'RANNeck.num_regions is 5, but 12 region features came, which is no multiple of it; '
            'count the whole face as a region too.',
        ),
        (
            dict(num_regions=5),
            (12, 8),
            (2, 6),
            'RANNeck.num_regions is 5, but the samples have 6 regions, the whole face included; '
            'make the two agree.',
        ),
        (
            dict(num_regions=6),
            (12, 7),
            None,
            'RANNeck.in_channels is 8, but the backbone gives features of (7,) a region; set '
            'in_channels to the width of its last stage, the number of channels among these.',
        ),
        (
            dict(num_regions=6),
            (12, 16, 8, 8),
            None,
            'RANNeck.in_channels is 8, but the backbone gives features of (16, 8, 8) a region; set '
            'in_channels to the width of its last stage, the number of channels among these.',
        ),
        (
            dict(num_regions=6),
            (12, 7, 2, 2),
            None,
            'RANNeck.in_channels is 8, but the backbone gives features of (7, 2, 2) a region; set '
            'in_channels to the width of its last stage, the number of channels among these.',
        ),
        (
            dict(num_regions=6),
            (12, 8, 2, 2, 2),
            None,
            'RANNeck.in_channels is 8, but the backbone gives features of (8, 2, 2, 2) a region; '
            'set in_channels to the width of its last stage, the number of channels among these.',
        ),
    ],
)
def test_mistakes_name_the_key(config, shape, mask, sentence):
    mask = None if mask is None else torch.ones(mask, dtype=torch.bool)
    with pytest.raises(ValueError) as error:
        RANNeck(8, **config)(torch.randn(shape), mask)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ('config', 'sentence'),
    [
        (dict(activation='softmax'), "RANNeck.activation must be one of .* got 'softmax'"),
        (dict(num_regions=0), 'RANNeck.num_regions must be at least 1, got 0'),
    ],
)
def test_bad_config(config, sentence):
    with pytest.raises(ValueError, match=sentence):
        RANNeck(8, **config)
