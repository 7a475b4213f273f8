"""RANNeck: inputs it takes, errors it gives."""

from __future__ import annotations

import pytest
import torch

from ranfer.models import RANNeck, RegionFeatures


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


@pytest.mark.parametrize(
    ('config', 'shape', 'mask', 'sentence'),
    [
        (dict(), (12, 8), None, 'RANNeck needs num_regions in its config, or a region_mask'),
        (dict(num_regions=5), (12, 8), None, 'num_regions is 5, but 12 region features came'),
        (dict(num_regions=5), (12, 8), (2, 6), 'num_regions is 5, but the samples have 6 regions'),
        (dict(num_regions=6), (12, 7), None, r'in_channels is 8, but the backbone gives .*\(7,\)'),
        (dict(num_regions=6), (12, 7, 2, 2), None, r'set in_channels to the width'),
    ],
)
def test_mistakes_name_the_key(config, shape, mask, sentence):
    mask = None if mask is None else torch.ones(mask, dtype=torch.bool)
    with pytest.raises(ValueError, match=sentence):
        RANNeck(8, **config)(torch.randn(shape), mask)


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
