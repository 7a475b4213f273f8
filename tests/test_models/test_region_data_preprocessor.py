"""RegionDataPreprocessor: crops, masks, batch augmentations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from samples import batch, landmarks, sample

from ranfer.datasets.transforms import RegionCropTransform
from ranfer.models import RegionDataPreprocessor

LANDMARKS = dict(type='LandmarkRegions', num_landmarks=2, radius=0.2)


def resized(image: torch.Tensor, box, size: int) -> torch.Tensor:
    """Bilinear crop by hand: the value at the centre of every output pixel, float64 loops."""
    x1, y1, x2, y2 = (float(v) for v in box)
    channels, height, width = image.shape
    out = torch.zeros(channels, size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            y = min(max(y1 + (i + 0.5) * (y2 - y1) / size - 0.5, 0), height - 1)
            x = min(max(x1 + (j + 0.5) * (x2 - x1) / size - 0.5, 0), width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            fy, fx = y - top, x - left
            out[:, i, j] = (
                image[:, top, left] * (1 - fy) * (1 - fx)
                + image[:, top, right] * (1 - fy) * fx
                + image[:, bottom, left] * fy * (1 - fx)
                + image[:, bottom, right] * fy * fx
            )
    return out


def test_crops_equal_loops():
    """Enlarging by a whole number: one bilinear sample an output pixel, so loops can follow."""
    data = batch(2, size=8)
    images = data['inputs'].double()
    out = RegionDataPreprocessor(crop_size=16)(data)
    assert out['inputs'].shape == (2, 6, 3, 16, 16)
    assert 'region_mask' not in out
    for i, s in enumerate(data['data_samples']):
        for j, box in enumerate(s.regions):
            expected = resized(images[i], box, 16)
            torch.testing.assert_close(out['inputs'][i, j].double(), expected, atol=1e-3, rtol=0)


def test_normalises_and_swaps_channels_once():
    data = batch(1, size=8)
    plain = RegionDataPreprocessor(crop_size=8)(batch(1, size=8))['inputs']
    processor = RegionDataPreprocessor(crop_size=8, mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)
    out = processor(data)['inputs']
    mean, std = torch.tensor([1.0, 2, 3]), torch.tensor([4.0, 5, 6])
    expected = (plain.flip(2) - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-5)


def test_only_existing_regions_are_cut():
    keypoints = landmarks((10, 10, 1), (20, 20, 0))
    data = batch(2, strategy=LANDMARKS, gt_keypoints=keypoints)
    out = RegionDataPreprocessor(crop_size=4)(data)
    assert out['inputs'].shape == (4, 3, 4, 4)
    assert out['region_mask'].tolist() == [[True, True, False]] * 2


def test_varying_number_of_regions_is_padded():
    grids = [dict(type='GridRegions', rows=1, cols=1), dict(type='GridRegions', rows=2, cols=2)]
    packed = [sample(i, strategy=grid) for i, grid in enumerate(grids)]
    data = dict(
        inputs=torch.stack([p['inputs'] for p in packed]),
        data_samples=[p['data_samples'] for p in packed],
    )
    out = RegionDataPreprocessor(crop_size=4)(data)
    assert out['inputs'].shape[0] == 2 + 5
    assert out['region_mask'].sum(1).tolist() == [2, 5]


def test_images_of_different_size_in_one_batch():
    packed = [sample(0, size=20), sample(1, size=30)]
    data = dict(
        inputs=[p['inputs'] for p in packed], data_samples=[p['data_samples'] for p in packed]
    )
    alone = [RegionDataPreprocessor(crop_size=8)(batch(1, size=20))['inputs']]
    out = RegionDataPreprocessor(crop_size=8)(data)['inputs']
    torch.testing.assert_close(out[:1], alone[0], atol=1e-3, rtol=0)


def test_num_regions_takes_the_first():
    data = batch(2)
    full = RegionDataPreprocessor(crop_size=4)(data)['inputs']
    first = RegionDataPreprocessor(crop_size=4, num_regions=2, with_mask=False)(batch(2))
    assert set(first) == {'inputs', 'data_samples'}
    torch.testing.assert_close(first['inputs'].unflatten(0, (2, 2)), full[:, :2])


def test_without_crop_hands_over_boxes():
    out = RegionDataPreprocessor(crop=False, crop_size=80)(batch(2, size=40))
    assert out['inputs'].shape == (2, 3, 80, 80)
    assert out['rois'].shape == (12, 5)
    assert 'region_mask' not in out
    assert out['rois'][:, 0].tolist() == [0] * 6 + [1] * 6
    assert out['rois'][6, 1:].tolist() == [0, 0, 80, 80]
    assert out['rois'][7, 1:].tolist() == [0, 0, 60, 60]


def test_without_crop_a_face_of_any_shape_becomes_a_square():
    data = batch(2, size=(40, 60))
    whole = RegionDataPreprocessor(crop_size=80)(data)['inputs'][:, 0]
    out = RegionDataPreprocessor(crop=False, crop_size=80)(data)
    assert out['rois'][::6, 1:].tolist() == [[0, 0, 80, 80]] * 2
    torch.testing.assert_close(out['inputs'], whole)


def test_ready_crops_equal_crops_on_the_device():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    ready = RegionCropTransform(crop_size=8)(dict(img=image))
    assert ready['img'].shape == (6, 3, 8, 8) and ready['img'].dtype == np.uint8
    data = batch(1, size=32)
    data['inputs'] = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    expected = RegionDataPreprocessor(crop_size=8)(data)['inputs']
    data = batch(1, size=32)
    data['inputs'] = torch.from_numpy(ready['img'])[None]
    out = RegionDataPreprocessor(crop_size=8)(data)['inputs']
    torch.testing.assert_close(out, expected, atol=0.51, rtol=0)  # rounded to whole grey levels
    first = RegionDataPreprocessor(crop_size=8, num_regions=2)(data)['inputs']
    assert torch.equal(first, out[:, :2])


def test_mixup_blends_whole_faces_and_labels():
    processor = RegionDataPreprocessor(
        crop_size=40, num_classes=7, batch_augments=dict(augments=dict(type='Mixup', alpha=1.0))
    )
    np.random.seed(0)
    torch.manual_seed(0)
    data = batch(4)
    faces = data['inputs'].float()
    out = processor(data, training=True)
    mixed = out['inputs'][:, 0]
    for i, s in enumerate(out['data_samples']):
        assert s.gt_score.sum().item() == pytest.approx(1, abs=1e-5)
        blend = sum(weight * faces[j] for j, weight in enumerate(s.gt_score[:4]))
        torch.testing.assert_close(mixed[i], blend, atol=1e-2, rtol=0)
    plain = processor(batch(4), training=False)['inputs'][:, 0]
    torch.testing.assert_close(plain, faces, atol=1e-3, rtol=0)


def _without_regions():
    data = batch(1)
    del data['data_samples'][0].regions
    return data


def _no_region_at_all():
    data = batch(2)
    data['data_samples'][1].set_metainfo(dict(region_mask=np.zeros(6, dtype=bool)))
    return data


def _more_samples():
    data = batch(3)
    data['inputs'] = data['inputs'][:2]
    return data


def _no_place(value: float):
    def data():
        made = batch(2)
        made['data_samples'][1].regions[3, 2] = value
        return made

    return data


def _wrong_ready_crops():
    data = batch(2)
    data['inputs'] = torch.zeros(2, 5, 3, 4, 4)
    return data


def _mixed_ready_crops():
    data = batch(2)
    data['inputs'] = torch.zeros(2, 6, 3, 4, 4)
    return data


MIXUP = dict(augments=dict(type='Mixup', alpha=1.0))


@pytest.mark.parametrize(
    ('config', 'data', 'sentence'),
    [
        (dict(), _without_regions, r'no regions; put ranfer\.RegionCropTransform'),
        (dict(), _no_region_at_all, 'Sample 1 of the batch has no region at all'),
        (dict(), _more_samples, 'A batch has 2 images, but 3 samples'),
        (dict(), _no_place(np.nan), 'Sample 1 of the batch has a box that is no place'),
        (dict(), _no_place(np.inf), 'Sample 1 of the batch has a box that is no place'),
        (dict(), _wrong_ready_crops, r'do not fit the \(2, 6\) regions'),
        (dict(num_classes=7, batch_augments=MIXUP), _mixed_ready_crops, 'drop crop_size'),
        (
            dict(with_mask=False),
            lambda: batch(1, strategy=LANDMARKS, gt_keypoints=landmarks((1, 1, 1), (2, 2, 0))),
            r'use ranfer\.RANClassifier',
        ),
    ],
)
def test_mistakes_say_what_to_do(config, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        RegionDataPreprocessor(crop_size=4, **config)(data(), training=True)


@pytest.mark.parametrize('key', ['crop_size', 'num_regions'])
def test_bad_config(key):
    with pytest.raises(ValueError, match=f'RegionDataPreprocessor.{key} must be'):
        RegionDataPreprocessor(**{key: 0})
