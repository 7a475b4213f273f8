"""Saved predictions and their fusion."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpretrain.structures import DataSample

from ranfer.evaluation import DumpPredictions, Predictions, fuse

CLASSES = ('happy', 'sad', 'angry')


def predictions(scores, labels=(0, 1, 2, 0), **changes) -> Predictions:
    count = len(scores)
    values = dict(
        dataset='SFEW',
        classes=CLASSES,
        overall=None,
        names=tuple(f'{i}.png' for i in range(count)),
        labels=tuple(labels[:count]),
        conditions=((),) * (count - 1) + (('occlusion',),),
        scores=tuple(map(tuple, scores)),
        weights=((0.5, 0.5),) * (count - 1) + ((1.0, None),),
    )
    return Predictions(**(values | changes))


def random_scores(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(3), count)


def test_file_round_trip(tmp_path):
    saved = predictions(random_scores(0))
    saved.save(tmp_path / 'new/p.json')
    assert Predictions.load(tmp_path / 'new/p.json') == saved


def test_a_file_need_not_have_region_weights(tmp_path):
    saved = predictions(random_scores(0), weights=((),) * 4)
    saved.save(tmp_path / 'p.json')
    values = json.loads((tmp_path / 'p.json').read_text())
    for row in values['predictions']:
        del row['weights']
    (tmp_path / 'p.json').write_text(json.dumps(values))
    assert Predictions.load(tmp_path / 'p.json') == saved


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"predictions": [{"name": "a"}]}', '\x80'])
def test_files_that_hold_no_predictions(text, tmp_path):
    path = tmp_path / 'p.json'
    path.write_text(text, encoding='utf-8')
    with pytest.raises(ValueError, match=r'p\.json holds no predictions .* tools/test\.py'):
        Predictions.load(path)
    with pytest.raises(FileNotFoundError, match=r'none\.json do not exist'):
        Predictions.load(tmp_path / 'none.json')


@pytest.mark.parametrize(
    'changes',
    [
        dict(labels=(0, 1, 2, 3)),
        dict(labels=(0, 1, 2, float('inf'))),
        dict(scores=((1.0, 0.0),) * 4),
        dict(overall='pose'),
    ],
)
def test_files_whose_figures_cannot_be_computed(changes, tmp_path):
    dataclasses.replace(predictions(random_scores(0)), **changes).save(tmp_path / 'p.json')
    with pytest.raises(ValueError, match='holds no predictions'):
        Predictions.load(tmp_path / 'p.json')


def test_metric_writes_names_below_the_common_folder_and_no_padding(tmp_path):
    rows = []
    masks = [None, np.array([True, False, True]), None]
    for i in (0, 1, 2, 0, 1):  # the last one fills a batch of two processes
        sample = DataSample(
            metainfo=dict(sample_idx=i, img_path=f'/data/x/{i % 2}/{i}.png', conditions=('odd',))
        )
        sample.set_gt_label(i).set_pred_score(torch.tensor([0.5, 0.25, 0.25]))
        if i:
            sample.set_field(torch.tensor([0.75, 0.25]), 'region_weights')
            if masks[i] is not None:  # three places, of which the sample's own regions are two
                sample.set_field(masks[i], 'region_mask', field_type='metainfo')
        rows.append(sample.to_dict())
    metric = DumpPredictions(str(tmp_path / 'p.json'), overall='odd')
    metric.dataset_meta = dict(classes=CLASSES, dataset='SFEW')
    metric.process(None, rows)
    assert metric.evaluate(4) == {}
    loaded = Predictions.load(tmp_path / 'p.json')
    assert loaded.names == ('0/0.png', '1/1.png', '0/2.png', '0/0.png')
    assert loaded.labels == (0, 1, 2, 0) and loaded.classes == CLASSES and loaded.overall == 'odd'
    assert loaded.scores == ((0.5, 0.25, 0.25),) * 4
    assert loaded.weights == ((), (0.75, None), (0.75, 0.25), ())
    assert set(json.loads((tmp_path / 'p.json').read_text())['predictions'][0]) == {
        'name', 'label', 'conditions', 'scores', 'weights',
    }  # fmt: skip


def test_metric_takes_absolute_and_relative_paths_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metric = DumpPredictions('p.json')
    for path in (str(tmp_path / 'a/0.png'), 'b/1.png'):
        sample = DataSample(metainfo=dict(img_path=path))
        sample.set_gt_label(0).set_pred_score(torch.tensor([0.5, 0.5]))
        metric.process(None, [sample.to_dict()])
    metric.evaluate(2)
    assert Predictions.load('p.json').names == ('a/0.png', 'b/1.png')


@settings(max_examples=30, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=4),
    weights=st.lists(st.floats(0.01, 10), min_size=4, max_size=4),
    order=st.permutations(range(4)),
)
def test_fusion_is_the_weighted_mean_whatever_the_order_of_the_images(seeds, weights, order):
    members = [predictions(random_scores(seed)) for seed in seeds]
    shuffled = dataclasses.replace(
        members[-1],
        **{
            key: tuple(getattr(members[-1], key)[i] for i in order)
            for key in ('names', 'labels', 'conditions', 'scores', 'weights')
        },
    )
    weights = weights[: len(members)]
    fused = fuse([*members[:-1], shuffled], weights) if len(members) > 1 else fuse(members)
    for row in range(4):
        for c in range(3):
            total = sum(w * m.scores[row][c] for w, m in zip(weights, members))
            expected = total / sum(weights) if len(members) > 1 else members[0].scores[row][c]
            assert fused.scores[row][c] == pytest.approx(expected)
    assert fused.names == members[0].names and fused.weights == ((),) * 4


def test_fusion_can_be_right_where_both_members_are_wrong():
    one = predictions([[0.4, 0.6, 0.0]] * 4, labels=(0, 0, 0, 0))
    two = predictions([[0.4, 0.0, 0.6]] * 4, labels=(0, 0, 0, 0))
    assert one.report().accuracy == two.report().accuracy == 0
    assert fuse([one, two]).report().accuracy == 100
    assert fuse([one, two], [1, 0]).scores == one.scores


def test_an_image_that_an_annotation_names_twice_is_fused_twice():
    names = ('0.png', '1.png', '1.png', '2.png')
    members = [predictions(random_scores(seed), names=names) for seed in (0, 1)]
    fused = fuse(members)
    assert fused.names == names
    np.testing.assert_allclose(fused.scores, (random_scores(0) + random_scores(1)) / 2)


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        (dict(classes=('a', 'b', 'c')), 'Predictions 1 and 2 have different classes'),
        (
            dict(names=('0.png', '1.png', '2.png', 'x.png')),
            "different images .*'3.png' is not as often",
        ),
        (dict(names=('0.png', '1.png', '2.png', '2.png')), 'different images'),
        (dict(labels=(0, 1, 1, 0)), r"the labels 2 and 1 for '2\.png'"),
    ],
)
def test_members_that_do_not_fit_are_named(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        fuse([predictions(random_scores(0)), predictions(random_scores(1), **changes)])


@pytest.mark.parametrize('weights', [[1], [1, -1], [0, 0], [1, float('nan')], [1, 1, 1]])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(ValueError, match=r'weights must be 2 numbers|an ensemble'):
        fuse([predictions(random_scores(0)), predictions(random_scores(1))], weights)


def test_nothing_to_fuse():
    with pytest.raises(ValueError, match='got no predictions'):
        fuse([])
