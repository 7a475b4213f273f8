"""MMPretrain's batch augmentations mix whole faces, before any region is cut."""

from __future__ import annotations

import pytest
import torch
from mmpretrain.models.utils.batch_augments import CutMix, Mixup
from mmpretrain.registry import MODELS
from samples import batch

import ranfer.models  # noqa: F401

RESNET = dict(type='ResNet', depth=18, base_channels=4, num_stages=4, out_indices=(3,))


@pytest.mark.parametrize('augment', [Mixup, CutMix])
@pytest.mark.parametrize('crop', [True, False])
def test_mixes_every_face_once(augment, crop, monkeypatch):
    model = MODELS.build(
        dict(
            type='ranfer.RANClassifier',
            backbone=dict(
                type='ranfer.SharedRegionBackbone', backbone=RESNET, split_stage=2, roi_size=4
            )
            if not crop
            else RESNET,
            neck=dict(type='ranfer.RANNeck', in_channels=32),
            head=dict(type='ranfer.RelationAttentionHead', num_classes=7, in_channels=32),
            train_cfg=dict(augments=dict(type=augment.__name__, alpha=1.0)),
            data_preprocessor=dict(crop=crop, crop_size=32, num_classes=7),
        )
    )
    shapes = []
    mix = augment.mix

    def spy(self, inputs, scores):
        shapes.append(tuple(inputs.shape))
        return mix(self, inputs, scores)

    monkeypatch.setattr(augment, 'mix', spy)
    data = model.data_preprocessor(batch(4), training=True)
    assert shapes == [(4, 3, 40, 40)]
    scores = torch.stack([sample.gt_score for sample in data['data_samples']])
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(4))
    losses = model(**data, mode='loss')
    assert torch.isfinite(losses['loss'])

    model.data_preprocessor(batch(4), training=False)
    assert len(shapes) == 1
