"""RANClassifier and MMPretrain's ImageClassifier with the same neck and head."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from mmpretrain.registry import MODELS
from samples import batch, landmarks

from ranfer.models import RANNeck

RESNET = dict(type='ResNet', depth=18, base_channels=8, num_stages=4, out_indices=(3,))


def config(backbone=None, channels=64, kind='ranfer.RANClassifier', **keys) -> dict:
    stock = kind != 'ranfer.RANClassifier'
    return dict(
        type=kind,
        backbone=backbone or RESNET,
        neck=dict(type='ranfer.RANNeck', in_channels=channels, num_regions=6 if stock else None),
        head=dict(
            type='ranfer.RelationAttentionHead',
            num_classes=7,
            in_channels=channels,
            region_loss=dict(type='ranfer.RegionBiasedLoss'),
        ),
        data_preprocessor=dict(
            type='ranfer.RegionDataPreprocessor',
            crop_size=32,
            with_mask=not stock,
            mean=[127.0] * 3,
            std=[64.0] * 3,
        ),
        **keys,
    )


def build(**keys):
    torch.manual_seed(0)
    model = MODELS.build(config(**keys))
    model.init_weights()
    return model


def test_stock_classifier_equals_ours():
    ours, stock = build(), build(kind='ImageClassifier')
    stock.load_state_dict(ours.state_dict())
    losses, stock_losses = (
        m(**m.data_preprocessor(batch(), training=True), mode='loss') for m in (ours, stock)
    )
    torch.testing.assert_close(losses, stock_losses)
    ours.eval(), stock.eval()
    for one, other in zip(ours.test_step(batch()), stock.test_step(batch())):
        torch.testing.assert_close(one.pred_score, other.pred_score)
        torch.testing.assert_close(one.region_weights, other.region_weights)


FAMILIES = {
    'ResNet': (RESNET, 64),
    'IResNet': (dict(type='ranfer.IResNet', depth=18, base_channels=16), 128),
    'VGG': (dict(type='VGG', depth=11, out_indices=(4,), norm_cfg=dict(type='BN')), 512),
    'MobileNetV2': (dict(type='MobileNetV2', widen_factor=0.25), 1280),
    'EfficientNet': (dict(type='EfficientNet', arch='b0'), 1280),
    'ConvNeXt': (
        dict(type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])),
        32,
    ),
    'Swin': (
        dict(
            type='SwinTransformer',
            img_size=32,
            window_size=2,
            pad_small_map=True,
            arch=dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2]),
        ),
        64,
    ),
    'ViT': (
        dict(
            type='VisionTransformer',
            img_size=32,
            patch_size=8,
            arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32),
        ),
        16,
    ),
    'TorchVision': (dict(type='ranfer.TorchVisionBackbone', model='resnet18'), 512),
    'TorchVision node': (
        dict(type='ranfer.TorchVisionBackbone', model='mobilenet_v3_small', node='features'),
        576,
    ),
}


@pytest.mark.parametrize('family', FAMILIES)
def test_backbone_families_train_and_predict(family):
    backbone, channels = FAMILIES[family]
    model = build(backbone=backbone, channels=channels)
    losses = model(**model.data_preprocessor(batch(2), training=True), mode='loss')
    sum(losses.values()).backward()
    reached = [p.grad is not None and p.grad.isfinite().all() for p in model.parameters()]
    assert all(reached)
    model.eval()
    prediction = model.test_step(batch(2))[0]
    assert prediction.pred_score.shape == (7,) and prediction.region_weights.shape == (6,)


def test_timm_backbone():
    pytest.importorskip('timm')
    backbone = dict(type='TIMMBackbone', model_name='resnet10t', features_only=False)
    model = build(backbone=backbone, channels=512)
    losses = model(**model.data_preprocessor(batch(2), training=True), mode='loss')
    assert all(value.isfinite() for value in losses.values())


def test_unknown_torchvision_model():
    with pytest.raises(ValueError, match="'resnet17' is no model of torchvision"):
        build(backbone=dict(type='ranfer.TorchVisionBackbone', model='resnet17'))


@pytest.mark.filterwarnings('ignore:The default weight initialization:FutureWarning')
@pytest.mark.parametrize(
    ('model', 'channels', 'side'), [('googlenet', 1024, 32), ('inception_v3', 2048, 75)]
)
def test_torchvision_models_have_no_auxiliary_heads(model, channels, side):
    backbone = MODELS.build(dict(type='ranfer.TorchVisionBackbone', model=model))
    assert not any('aux' in name.lower() for name, _ in backbone.named_parameters())
    assert backbone(torch.randn(2, 3, side, side))[0].shape == (2, channels)


def test_missing_regions_do_not_touch_the_others():
    """Same faces and boxes, once with a region missing and once without that region."""
    model = build().eval()
    strategy = dict(type='LandmarkRegions', num_landmarks=2, radius=0.3)
    points = (10, 10, 1), (25, 20, 1)
    missing = batch(
        strategy=dict(strategy, num_landmarks=3), gt_keypoints=landmarks(*points, (0, 0, 0))
    )
    without = batch(strategy=strategy, gt_keypoints=landmarks(*points))
    for one, other in zip(model.test_step(missing), model.test_step(without)):
        torch.testing.assert_close(one.pred_score, other.pred_score)
        assert one.region_weights[3] == 0


def test_dense_and_packed_crops_agree():
    model = build().eval()
    crops = torch.randn(2, 6, 3, 32, 32)
    mask = torch.ones(2, 6, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(
            model(crops), model(crops.flatten(0, 1), region_mask=mask, mode='tensor')
        )
        assert model.extract_feat(crops, stage='backbone')[0].shape == (12, 64, 1, 1)
        assert model.extract_feat(crops, stage='pre_logits').shape == (2, 128)


def test_dense_crops_with_gaps_equal_those_without_them():
    """Crops that the mask leaves out count for nothing, whatever they show."""
    model = build().eval()
    crops = torch.randn(2, 6, 3, 32, 32)
    mask = torch.tensor([[True] * 6, [True, False, True, True, False, True]])
    with torch.no_grad():
        packed = model(crops[mask], region_mask=mask)
        torch.testing.assert_close(model(crops, region_mask=mask), packed)
        torch.testing.assert_close(model(crops.flatten(0, 1), region_mask=mask), packed)
        assert not torch.allclose(model(crops), packed)


def test_channels_last_gives_the_same_answer():
    plain, last = build().eval(), build(channels_last=True).eval()
    weight = last.backbone.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(plain.test_step(batch()), last.test_step(batch())):
        torch.testing.assert_close(one.pred_score, other.pred_score, atol=1e-5, rtol=1e-4)


class OwnNeck(RANNeck):
    """A neck that knows masks alone."""

    def forward(self, feats, region_mask=None):
        assert region_mask is not None
        return super().forward(feats, region_mask)


@pytest.mark.parametrize('shared', [False, True])
def test_a_neck_that_knows_masks_alone_gets_one(shared):
    cfg = config()
    if shared:
        cfg['backbone'] = dict(
            type='ranfer.SharedRegionBackbone', backbone=cfg['backbone'], split_stage=1, roi_size=4
        )
        cfg['data_preprocessor'] = dict(cfg.get('data_preprocessor', {}), crop=False, crop_size=64)
    usual = MODELS.build(cfg).eval()
    own = MODELS.build(dict(cfg, neck=dict(cfg['neck'], type=OwnNeck))).eval()
    own.load_state_dict(usual.state_dict())
    for one, other in zip(own.test_step(batch()), usual.test_step(batch())):
        torch.testing.assert_close(one.pred_score, other.pred_score)


def test_a_stock_neck_and_head_see_the_whole_face():
    cfg = config()
    backbone = dict(
        type='ranfer.SharedRegionBackbone', backbone=cfg['backbone'], split_stage=1, roi_size=4
    )
    model = MODELS.build(
        dict(
            type='ranfer.RANClassifier',
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=7, in_channels=64),
            data_preprocessor=dict(
                type='ranfer.RegionDataPreprocessor',
                crop=False,
                crop_size=64,
                num_regions=1,
                with_mask=False,
            ),
        )
    )
    model.eval()
    assert {sample.pred_score.shape for sample in model.test_step(batch())} == {(7,)}


def test_boxes_without_a_number_of_regions_are_not_grouped_by_guess():
    cfg = config()
    cfg['backbone'] = dict(
        type='ranfer.SharedRegionBackbone', backbone=cfg['backbone'], split_stage=1, roi_size=4
    )
    model = MODELS.build(cfg).eval()
    rois = torch.tensor([[0, 0, 0, 32, 32]] * 3 + [[1, 0, 0, 32, 32]]).float()
    with pytest.raises(ValueError, match='RANNeck needs num_regions'):
        model(torch.randn(2, 3, 64, 64), rois=rois)


@pytest.mark.parametrize('last', [False, True])
def test_the_whole_model_can_be_saved_and_copied(last, tmp_path):
    model = build(channels_last=last).eval()
    torch.save(model, tmp_path / 'model.pth')
    crops = torch.randn(1, 6, 3, 32, 32)
    for twin in (
        torch.load(tmp_path / 'model.pth', weights_only=False),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert torch.equal(twin(crops), model(crops))
        assert twin.memory_format is model.memory_format


def test_unknown_stage():
    with pytest.raises(ValueError, match=r"stage must be one of .*'pre_logits'\), got 'head'"):
        build().extract_feat(torch.randn(1, 6, 3, 32, 32), stage='head')


def test_unknown_mode():
    with pytest.raises(ValueError, match="mode must be 'tensor', 'loss' or 'predict', got 'train'"):
        build()(torch.randn(1, 6, 3, 32, 32), mode='train')


def test_self_attention_alone_with_a_stock_head():
    """A stock head reads the weighted mean from the neck: self-attention without the relation."""
    cfg = config()
    cfg['head'] = dict(type='LinearClsHead', num_classes=7, in_channels=64)
    model = MODELS.build(cfg)
    losses = model(**model.data_preprocessor(batch(), training=True), mode='loss')
    assert losses['loss'].isfinite()


def test_neck_and_head_of_two_forms_are_refused():
    other = config()
    other['neck']['activation'] = 'sigmoid_softmax'
    with pytest.raises(ValueError, match=r"neck.activation is 'sigmoid_softmax' and model.head"):
        MODELS.build(other)
