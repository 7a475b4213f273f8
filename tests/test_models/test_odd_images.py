"""Black, constant and huge images and regions without area give numbers, in training and after."""

from __future__ import annotations

import contextlib
from functools import lru_cache

import pytest
import torch
from samples import batch
from test_models.test_ran_classifier import RESNET, build

SHARED = dict(
    type='ranfer.SharedRegionBackbone', backbone=dict(RESNET), split_stage=2, roi_size=4
)  # fmt: skip
IMAGES = {
    'noise': lambda images: images,
    'black': lambda images: torch.zeros_like(images),
    'constant': lambda images: torch.full_like(images, 200),
    'one black': lambda images: images * (torch.arange(len(images)) > 0)[:, None, None, None],
    'huge': lambda images: images.float() * 1e6,
}
REGIONS = {
    'plain': lambda regions: regions,
    'no area': lambda regions: regions[:, [0, 1, 0, 1]],
    'no width': lambda regions: regions[:, [0, 1, 0, 3]],
    'outside': lambda regions: regions + 1000,
    'reversed': lambda regions: regions[:, [2, 3, 0, 1]],
}
PRECISIONS = {
    'float32': contextlib.nullcontext,
    'bfloat16': lambda: torch.autocast('cpu', torch.bfloat16),
}


def odd_batch(images: str, regions: str) -> dict:
    data = batch(3)
    data['inputs'] = IMAGES[images](data['inputs'])
    for sample in data['data_samples'][:2]:
        changed = REGIONS[regions](sample.regions)
        sample.set_field(changed, 'regions', field_type='metainfo')
    return data


@lru_cache
def model_of(name: str) -> torch.nn.Module:
    return build() if name == 'ran' else build(backbone=SHARED)


CASES = [
    *((images, 'plain') for images in IMAGES),
    *(('black', regions) for regions in REGIONS if regions != 'plain'),
    ('noise', 'no area'),
    ('constant', 'no area'),
    ('huge', 'no area'),
]


@pytest.mark.parametrize(('images', 'regions'), CASES)
@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('name', ['ran', 'shared'])
def test_trains_and_predicts_finite_numbers(name, precision, images, regions):
    model = model_of(name)
    model.data_preprocessor.crop = name == 'ran'
    model.train()
    model.zero_grad()
    with PRECISIONS[precision]():
        data = model.data_preprocessor(odd_batch(images, regions), training=True)
        losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    gradients = [p.grad for p in model.parameters()]
    assert all(gradient is not None for gradient in gradients)
    buffers = [b for b in model.buffers() if b.is_floating_point()]
    model.eval()
    with torch.no_grad(), PRECISIONS[precision]():
        samples = model.test_step(odd_batch(images, regions))
    scores = [value for s in samples for value in (s.pred_score, s.region_weights)]
    for values in (*losses.values(), *gradients, *buffers, *scores):
        assert values.isfinite().all()
    for sample in samples:
        torch.testing.assert_close(sample.region_weights.sum().item(), 1.0)
