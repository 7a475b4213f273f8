"""The shared form against a loop over regions, with every family of backbones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from samples import batch, landmarks, sample
from torch.utils.flop_counter import FlopCounterMode

from ranfer.models import SharedRegionBackbone
from ranfer.models.backbones.stages import stages_of

RESNET = dict(type='ResNet', depth=18, base_channels=8, num_stages=4, out_indices=(3,))
SWIN_ARCH = dict(embed_dims=16, depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 2])
SWIN = dict(type='SwinTransformer', arch=SWIN_ARCH, pad_small_map=True)
CONVNEXT = dict(type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]))
FAMILIES = {
    'ResNet': (RESNET, 3, 64),
    'ResNetV1d': (dict(RESNET, type='ResNetV1d'), 2, 64),
    'IResNet': (dict(type='ranfer.IResNet', depth=18, base_channels=16), 3, 128),
    'RegNet': (dict(type='RegNet', arch='regnetx_400mf'), 3, 384),
    'MobileNetV2': (dict(type='MobileNetV2', widen_factor=0.25), 5, 1280),
    'MobileNetV3': (dict(type='MobileNetV3', arch='small'), 8, 576),
    'ConvNeXt': (CONVNEXT, 3, 32),
    'ConvNeXt map': (dict(CONVNEXT, gap_before_final_norm=False), 2, 32),
    'Swin': (SWIN, 3, 128),
    'Swin after downsample': (dict(SWIN, out_after_downsample=True), 2, 128),
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES.keys())
def family(request):
    torch.manual_seed(0)
    return request.param


def test_stages_do_what_the_backbone_does(family):
    net = MODELS.build(family[0])
    net.eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = net(x)[-1]
        for stage in stages_of(net):
            x = stage(x)
    torch.testing.assert_close(x, expected)


def config(family, **keys) -> dict:
    backbone, split, channels = family
    return dict(
        type='ranfer.RANClassifier',
        backbone=dict(
            type='ranfer.SharedRegionBackbone', backbone=backbone, split_stage=split, roi_size=4
        ),
        neck=dict(type='ranfer.RANNeck', in_channels=channels),
        head=dict(
            type='ranfer.RelationAttentionHead',
            num_classes=7,
            in_channels=channels,
            region_loss=dict(type='ranfer.RegionBiasedLoss'),
        ),
        data_preprocessor=dict(
            type='ranfer.RegionDataPreprocessor',
            crop=False,
            crop_size=64,
            mean=[127.0] * 3,
            std=[64.0] * 3,
        ),
        **keys,
    )


@pytest.mark.parametrize('channels_last', [False, True])
def test_trains_and_predicts(family, channels_last):
    model = MODELS.build(config(family, channels_last=channels_last))
    model.init_weights()
    data = model.data_preprocessor(batch(2), training=True)
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    assert next(iter(gradients.values())).any()
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        scores = model(**model.data_preprocessor(batch(2)), mode='predict')
    assert scores[0].pred_score.shape == (7,)
    assert scores[0].region_weights.shape == (6,)


def reference(backbone: SharedRegionBackbone, images, rois, split, size):
    """Region by region and pixel by pixel: each bin is the mean of 2 x 2 bilinear samples."""
    out = []
    for index, x1, y1, x2, y2 in rois.tolist():
        image = images[int(index)][None]
        x = image
        for stage in stages_of(backbone.backbone)[:split]:
            x = stage(x)
        across, down = (x.shape[-i] / images.shape[-i] for i in (1, 2))
        x1, y1, x2, y2 = x1 * across, y1 * down, x2 * across, y2 * down
        pooled = torch.zeros(1, x.shape[1], size, size, dtype=x.dtype)
        for row in range(size):
            for col in range(size):
                for i in range(4):
                    down = y1 + (y2 - y1) * (row + 0.25 + 0.5 * (i // 2)) / size
                    across = x1 + (x2 - x1) * (col + 0.25 + 0.5 * (i % 2)) / size
                    pooled[0, :, row, col] += bilinear(x[0], down, across) / 4
        x = pooled
        for stage in stages_of(backbone.backbone)[split:]:
            x = stage(x)
        out.append(x)
    return torch.cat(out)


def bilinear(feature, down: float, across: float):
    """Value of a map ``(C, H, W)`` at a place, pixel centres at halves, border replicated."""
    height, width = feature.shape[1:]
    down = min(max(down - 0.5, 0), height - 1)
    across = min(max(across - 0.5, 0), width - 1)
    top, left = int(down), int(across)
    low, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = down - top, across - left
    upper = feature[:, top, left] * (1 - dx) + feature[:, top, right] * dx
    lower = feature[:, low, left] * (1 - dx) + feature[:, low, right] * dx
    return upper * (1 - dy) + lower * dy


@pytest.mark.parametrize('size', [(64, 64), (50, 80)])  # 50 is no multiple of a stride
@pytest.mark.parametrize('split', [1, 2, 3])
def test_equals_a_loop_over_regions(split, size):
    torch.manual_seed(split)
    net = SharedRegionBackbone(RESNET, split_stage=split, roi_size=3).double()
    net.eval()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    rois = torch.tensor(
        [[0, 0, 0, *size[::-1]], [0, 3, 5, 40, 47], [1, 10, 0, 64, 33.5]], dtype=torch.float64
    )
    torch.testing.assert_close(net(images, rois)[0], reference(net, images, rois, split, 3))


def test_gradient_reaches_both_halves_by_finite_differences():
    torch.manual_seed(0)
    net = SharedRegionBackbone(dict(RESNET, base_channels=2), split_stage=2, roi_size=2).double()
    net.eval()
    images = torch.randn(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0, 0, 32, 32], [0, 4, 2, 20, 30]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: net(x, rois)[0].sum(), images, fast_mode=True)


def test_costs_less_than_one_and_a_half_faces():
    resnet = dict(RESNET, base_channels=64)
    rois = torch.tensor([[0.0, 0, 0, 224, 224]] * 6)

    def flops(net, *inputs):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(*inputs)
        return counter.get_total_flops()

    image = torch.zeros(1, 3, 224, 224)
    plain = flops(MODELS.build(resnet), image)
    cost = flops(SharedRegionBackbone(resnet, split_stage=3, roi_size=8), image, rois) / plain
    assert cost == pytest.approx(1.23, abs=0.01)


def test_varying_number_of_regions_costs_nothing_extra():
    model = MODELS.build(config(FAMILIES['ResNet']))
    model.eval()
    points = [(10, 10, 1), (30, 10, 1), (20, 20, 0), (12, 30, 1), (28, 30, 0)]
    data = batch(2, strategy=dict(type='LandmarkRegions'), gt_keypoints=landmarks(*points))
    data = model.data_preprocessor(data)
    assert data['rois'].shape == (8, 5)
    assert model(**data).shape == (2, 7)


def test_complete_samples_need_no_mask():
    model = MODELS.build(config(FAMILIES['ResNet']))
    model.eval()
    data = model.data_preprocessor(batch(2))
    assert set(data) == {'inputs', 'data_samples', 'rois', 'num_regions'}
    mask = torch.ones(2, 6, dtype=torch.bool)
    torch.testing.assert_close(model(**data), model(**data, region_mask=mask))


def test_a_preprocessor_that_cuts_the_regions_is_one_sentence():
    cutting = config(FAMILIES['ResNet'])
    del cutting['data_preprocessor']['crop']
    model = MODELS.build(cutting)
    with pytest.raises(ValueError, match=r'got no boxes .*data_preprocessor=.*crop=False'):
        model(**model.data_preprocessor(batch(2)))


def test_boxes_move_with_the_resize():
    model = MODELS.build(config(FAMILIES['ResNet'])).data_preprocessor
    small, large = sample(0, size=32), sample(0, size=32)
    large['inputs'] = small['inputs'].repeat_interleave(2, 1).repeat_interleave(2, 2)
    large['data_samples'].set_metainfo(dict(regions=small['data_samples'].regions * 2))
    inputs, samples = zip(*((x['inputs'], x['data_samples']) for x in (small, large)))
    data = model(dict(inputs=inputs, data_samples=samples))
    assert data['inputs'].shape == (2, 3, 64, 64)
    one, other = data['rois'].unflatten(0, (2, 6))
    np.testing.assert_allclose(one[:, 1:], other[:, 1:], atol=1e-4)
    assert one[0, 1:].tolist() == [0, 0, 64, 64]


@pytest.mark.parametrize(
    ('keys', 'part'),
    [
        (dict(backbone=dict(type='VGG', depth=11)), 'got VGG'),
        (dict(split_stage=4), 'split_stage must be from 1 to 3 for ResNet, got 4'),
        (dict(split_stage=0), 'got 0'),
        (dict(roi_size=0), 'roi_size must be positive, got 0'),
        (dict(backbone=dict(RESNET, out_indices=(2,))), r'set out_indices=\(3,\)'),
        (
            dict(backbone=dict(type='ranfer.IResNet', depth=18, out_indices=(1,))),
            r'got out_indices',
        ),
        (dict(backbone=dict(SWIN, use_abs_pos_embed=True)), 'use_abs_pos_embed'),
    ],
)
def test_errors(keys, part):
    with pytest.raises(ValueError, match=part):
        SharedRegionBackbone(**dict(dict(backbone=RESNET), **keys))
