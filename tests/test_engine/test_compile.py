"""The model is one graph, alone and inside MMEngine's runner."""

from __future__ import annotations

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from samples import batch, landmarks, needs_one_graph, sample
from torch.utils.data import Dataset

import ranfer.models  # noqa: F401

RESNET = dict(
    type='ranfer.FastResNet',
    depth=18,
    base_channels=4,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    out_indices=(1,),
)
SHARED = dict(type='ranfer.SharedRegionBackbone', backbone=RESNET, split_stage=1, roi_size=4)


def config(shared: bool) -> dict:
    return dict(
        type='ranfer.RANClassifier',
        backbone=SHARED if shared else RESNET,
        neck=dict(type='ranfer.RANNeck', in_channels=8),
        head=dict(
            type='ranfer.RelationAttentionHead',
            num_classes=7,
            in_channels=8,
            region_loss=dict(type='ranfer.RegionBiasedLoss'),
            single_region_loss=dict(type='CrossEntropyLoss'),
        ),
        data_preprocessor=dict(
            type='ranfer.RegionDataPreprocessor',
            crop=not shared,
            crop_size=32,
            mean=[127.0] * 3,
            std=[64.0] * 3,
        ),
        channels_last=True,
    )


@pytest.fixture(params=[False, True], ids=['full', 'shared'])
def model(request):
    torch.manual_seed(0)
    torch._dynamo.reset()
    built = MODELS.build(config(request.param))
    yield built
    torch._dynamo.reset()


POINTS = [(10, 10, 1), (30, 10, 1), (20, 20, 0), (12, 30, 1), (28, 30, 0)]
BATCHES = {
    'six regions': dict(),
    'gaps': dict(strategy=dict(type='LandmarkRegions'), gt_keypoints=landmarks(*POINTS)),
}


@needs_one_graph
@pytest.mark.parametrize('keys', BATCHES.values(), ids=BATCHES.keys())
def test_model_is_one_graph_with_the_same_result(model, keys):
    data = model.data_preprocessor(batch(2, **keys), training=True)
    model.eval()
    expected = model(**data, mode='loss')
    compiled = torch.compile(
        lambda data: model(**data, mode='loss'), backend='eager', fullgraph=True
    )
    torch.testing.assert_close(compiled(data), expected)


@needs_one_graph
@pytest.mark.parametrize('model', [True], indirect=True, ids=['shared'])
def test_steps_break_only_where_mmengine_does(model):
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    reasons = torch._dynamo.explain(model.train_step)(batch(2), wrapper).break_reasons
    assert len(reasons) == 1
    assert 'backward' in reasons[0].reason
    torch._dynamo.reset()
    model.eval()
    assert torch._dynamo.explain(model.test_step)(batch(2)).graph_break_count == 0


class Faces(Dataset):
    metainfo = dict(classes=tuple('abcdefg'))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict:
        return sample(index)


def test_runner_trains_and_tests_compiled(tmp_path):
    torch._dynamo.reset()
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=Faces(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=pseudo_collate,
    )
    runner = Runner(
        model=config(shared=True),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=dict(type='ranfer.FERMetric'),
        default_scope='mmpretrain',
        experiment_name='compile',
        cfg=dict(compile=dict(backend='eager')),
    )
    runner.train()
    assert runner.test()['fer/accuracy'] >= 0
    torch._dynamo.reset()
