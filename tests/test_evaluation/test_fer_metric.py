"""FERMetric and its report against counting by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpretrain.structures import DataSample

from ranfer.datasets import RAFDB, SFEW, AffectNet, FERPlus
from ranfer.evaluation import FERMetric, make_report
from ranfer.evaluation.paper_results import PAPER_RESULTS, report_text
from ranfer.evaluation.report import FERReport, calibration_error
from ranfer.evaluation.tables import mean_and_spread

CLASSES = ('happy', 'sad', 'angry')


def one_hot(labels, classes=3, confidence=0.8):
    scores = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    scores[np.arange(len(labels)), labels] = confidence
    return scores


def test_report_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = [0, 0, 1, 1, 2, 1]
    conditions = [('occlusion',), (), ('occlusion', 'pose30'), ('pose30',), (), ()]
    report = make_report(one_hot(predicted), labels, conditions, CLASSES)
    assert report.confusion == ((2, 1, 0), (0, 1, 1), (0, 1, 0))
    assert report.accuracy == pytest.approx(100 * 3 / 6)
    assert report.recall == pytest.approx((200 / 3, 50, 0))
    assert report.mean_accuracy == pytest.approx((200 / 3 + 50 + 0) / 3)
    assert report.precision == pytest.approx((100, 100 / 3, 0))
    assert report.f1 == pytest.approx((80, 40, 0))
    assert report.conditions == {'occlusion': (50.0, 2), 'pose30': (50.0, 2)}
    assert report.calibration_error == pytest.approx(30)  # confidence 0.8, accuracy 0.5


def test_absent_class_counts_in_no_mean():
    report = make_report(one_hot([0, 1]), np.array([0, 1]), [(), ()], CLASSES)
    assert math.isnan(report.recall[2]) and report.f1[2] == report.precision[2] == 0
    assert report.mean_accuracy == report.macro_f1 == 100
    assert json.loads(json.dumps(report.to_dict()))['recall'] == [100, 100, None]


def test_a_class_that_is_predicted_alone_counts_in_the_mean_f1():
    report = make_report(one_hot([0, 1]), np.array([0, 0]), [(), ()], CLASSES)
    assert report.macro_f1 == pytest.approx((200 / 3 + 0) / 2)


def test_a_condition_named_twice_counts_once():
    report = make_report(one_hot([0, 1]), np.array([0, 0]), [('turned', 'turned'), ()], CLASSES)
    assert report.conditions == {'turned': (100.0, 1)}


def test_absent_class_raises_no_numpy_warning():
    with np.errstate(all='raise'):
        make_report(one_hot([0, 0]), np.array([0, 1]), [(), ()], CLASSES)


def test_report_as_plain_values():
    report = make_report(one_hot([0, 1]), np.array([0, 0]), [('occlusion',), ()], CLASSES)
    values = report.to_dict()
    assert values['conditions'] == {'occlusion': dict(accuracy=100.0, count=1)}
    assert values['accuracy'] == 50 and values['count'] == 2


def test_report_reads_what_it_wrote(tmp_path):
    report = make_report(one_hot([0, 1]), np.array([0, 0]), [('occlusion',), ()], CLASSES)
    file = tmp_path / 'new/folder/report.json'
    report.save(file)
    report.save(file)
    assert '\n  "count": 2,\n' in file.read_text()
    read = FERReport.load(file)
    assert json.dumps(read.to_dict()) == json.dumps(report.to_dict())
    assert read.conditions == report.conditions and math.isnan(read.recall[2])
    file.write_text('{"conditions": []}', encoding='utf-8')
    with pytest.raises(ValueError, match='is no report'):
        FERReport.load(file)
    file.write_text('{}', encoding='utf-8')
    with pytest.raises(ValueError) as error:
        FERReport.load(file)
    assert str(error.value) == (
        f"{str(file)!r} is no report ('conditions'); give the report.json that tools/test.py wrote."
    )


def test_mean_and_spread_of_runs():
    assert mean_and_spread([61.0]) == '61.00'
    assert mean_and_spread([60, 62]) == '61.00 ± 1.41'


def test_overall_condition():
    conditions = [('natural',), ('natural', 'occlusion'), ('occlusion',)]
    report = make_report(one_hot([0, 1, 2]), np.array([0, 0, 0]), conditions, CLASSES, 'natural')
    assert (report.accuracy, report.count, report.overall) == (50, 2, 'natural')
    assert report.conditions['occlusion'] == (0, 2)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    seed=st.integers(0, 100),
)
def test_report_properties(pairs, seed):
    labels, predicted = (np.array(x) for x in zip(*pairs))
    order = np.random.default_rng(seed).permutation(len(pairs))
    names = [('even',) if i % 2 == 0 else () for i in range(len(pairs))]
    report = make_report(one_hot(predicted, 4), labels, names, 'abcd')
    shuffled = make_report(
        one_hot(predicted, 4)[order], labels[order], [names[i] for i in order], 'abcd'
    )
    np.testing.assert_equal(shuffled.confusion, report.confusion)
    assert shuffled.accuracy == pytest.approx(report.accuracy)
    confusion = np.array(report.confusion)
    assert confusion.sum() == report.count == len(pairs)
    assert report.accuracy == pytest.approx(100 * np.trace(confusion) / len(pairs))
    for c in range(4):
        hits = sum(t == p == c for t, p in pairs)
        true, guessed = sum(t == c for t, _ in pairs), sum(p == c for _, p in pairs)
        assert report.precision[c] == pytest.approx(100 * hits / guessed if guessed else 0)
        np.testing.assert_allclose(report.recall[c], 100 * hits / true if true else np.nan)
        assert report.f1[c] == pytest.approx(200 * hits / (true + guessed) if true + guessed else 0)
    even = [t == p for i, (t, p) in enumerate(pairs) if i % 2 == 0]
    assert report.conditions['even'] == (pytest.approx(100 * np.mean(even)), len(even))


def test_calibration_error_by_bins():
    """Two bins: confidence 0.9 with accuracy 0.5, confidence 0.6 with accuracy 1."""
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    report = make_report(scores, np.array([0, 1, 0, 0]), [()] * 4, 'ab')
    assert report.calibration_error == pytest.approx(100 * (0.5 * 0.4 + 0.5 * 0.4))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60))
def test_calibration_error_against_a_loop(seed, count):
    """Fifteen bins, closed below; edges and confidence 1 included."""
    rng = np.random.default_rng(seed)
    confidence = np.where(
        rng.random(count) < 0.3, rng.integers(5, 16, count) / 15, rng.random(count)
    )
    correct = rng.random(count) < confidence
    expected = 0.0
    for b in range(15):
        lower, upper = b / 15, (b + 1) / 15 if b < 14 else math.inf
        bin_ = [(p, c) for p, c in zip(confidence.tolist(), correct) if lower <= p < upper]
        if bin_:
            mean = sum(p for p, _ in bin_) / len(bin_)
            accuracy = sum(bool(c) for _, c in bin_) / len(bin_)
            expected += 100 * abs(accuracy - mean) * len(bin_) / count
    assert calibration_error(confidence, correct) == pytest.approx(expected, abs=1e-9)


def test_report_states_the_calibration_error():
    report = make_report(one_hot([0, 1]), np.array([0, 0]), [(), ()], CLASSES)
    line = 'expected calibration error (15 bins): 30.00 %'
    assert report.calibration_line() == line
    assert line in report_text(report, None) and 'paper' not in report_text(report, None)
    assert 'paper %' in report_text(report, 'SFEW')


@pytest.mark.parametrize(
    ('confidence', 'correct', 'expected'),
    [
        ([1.0, 0.935], [0, 1], 0.935 / 2),  # both in the last of 15 bins: the gaps cancel
        ([1.0, 0.9], [0, 1], 1.1 / 2),  # in the last two bins: they add up
        ([0.1], [1], 0.9),
    ],
)
def test_calibration_error_has_15_bins(confidence, correct, expected):
    error = calibration_error(np.array(confidence), np.array(correct, dtype=bool))
    assert error == pytest.approx(100 * expected)


def samples(count: int):
    for i in range(count):
        sample = DataSample(metainfo=dict(sample_idx=i, conditions=('odd',) if i % 2 else ()))
        sample.set_gt_label(i % 3).set_pred_score(torch.tensor(one_hot([i % 2])[0]))
        yield sample.to_dict()


def evaluate(metric, rows, size=None):
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process(None, rows)
    return metric.evaluate(size or len(rows))


def test_metric_keys_and_what_the_sampler_repeated():
    metric = FERMetric(per_class=True)
    rows = list(samples(6))
    once = evaluate(metric, rows)
    assert once['fer/accuracy'] == pytest.approx(100 * 2 / 6)
    assert once['fer/odd'] == pytest.approx(100 / 3) and once['fer/odd_count'] == 3
    assert metric.report.count == 6
    report = metric.report
    assert once['fer/mean_accuracy'] == pytest.approx(report.mean_accuracy)
    assert once['fer/macro_f1'] == pytest.approx(np.mean(report.f1))
    assert once['fer/calibration_error'] == pytest.approx(report.calibration_error)
    for i, name in enumerate(CLASSES):
        assert once[f'fer/precision/{name}'] == report.precision[i]
        assert once[f'fer/recall/{name}'] == report.recall[i]
        assert once[f'fer/f1/{name}'] == report.f1[i]
    twice = evaluate(FERMetric(per_class=True), [*rows, rows[0], rows[1]], len(rows))
    assert twice == once


def test_samples_of_concatenated_data_sets_all_count():
    """The same faces as they are and occluded have the same indices and paths."""
    rows = [dict(row, img_path=f'{i}.png') for i, row in enumerate(samples(6))]
    occluded = [dict(row, conditions=('occlusion',)) for row in rows]
    metric = FERMetric()
    figures = evaluate(metric, [*rows, *occluded])
    assert metric.report.count == 12 and figures['fer/occlusion_count'] == 6


def test_metric_options():
    rows = list(samples(6))
    metric = FERMetric()
    assert metric.report is None and metric.collect_device == 'cpu'
    assert set(evaluate(metric, rows)) == {
        'fer/accuracy',
        'fer/mean_accuracy',
        'fer/macro_f1',
        'fer/calibration_error',
        'fer/odd',
        'fer/odd_count',
    }
    metric = FERMetric(overall='odd', prefix='val')
    assert evaluate(metric, rows)['val/accuracy'] == pytest.approx(100 / 3)
    assert metric.report.count == 3
    assert FERMetric(collect_device='gpu').collect_device == 'gpu'


@pytest.mark.parametrize('name', ['accuracy', 'mean_accuracy', 'macro_f1', 'odd_count'])
def test_a_condition_replaces_no_figure(name):
    rows = [dict(row, conditions=('odd', name)) for row in samples(2)]
    with pytest.raises(ValueError, match=f'conditions: {name!r} is the name of another figure'):
        evaluate(FERMetric(), rows)


def test_metric_without_class_names():
    metric = FERMetric()
    metric.process(None, list(samples(3)))
    metric.evaluate(3)
    assert metric.report.classes == ('0', '1', '2')


def test_tables_show_counts_and_references():
    report = make_report(one_hot([0, 1]), np.array([0, 1]), [('occlusion',), ()], CLASSES)
    assert report.summary_table(dict(occlusion=83.63)).splitlines() == [
        '|            | accuracy % | images | paper % |',
        '| ---------- | ---------: | -----: | ------: |',
        '| overall    |     100.00 |      2 |         |',
        '| mean class |     100.00 |      2 |         |',
        '| occlusion  |     100.00 |      1 |   83.63 |',
    ]
    assert report.summary_table().splitlines()[0] == '|            | accuracy % | images |'
    assert report.class_table().splitlines() == [
        '| class | precision % | recall % |   F1 % | images |',
        '| ----- | ----------: | -------: | -----: | -----: |',
        '| happy |      100.00 |   100.00 | 100.00 |      1 |',
        '| sad   |      100.00 |   100.00 | 100.00 |      1 |',
        '| angry |        0.00 |      nan |   0.00 |      0 |',
    ]


@pytest.mark.parametrize(
    ('scores', 'labels', 'overall', 'sentence'),
    [
        (one_hot([0, 1], 4), [0, 1], None, r'expects scores \(N, 3\).* got shape \(2, 4\)'),
        (one_hot([0, 1]), [0, 3], None, r'Labels must be in \[0, 3\), got 0 to 3'),
        (
            np.full((2, 3), np.nan),
            [0, 1],
            None,
            r'^The scores must be probabilities in \[0, 1\], but some are not finite or lie '
            r'outside; if the training of the model diverged, use an earlier checkpoint\.$',
        ),
        (np.eye(3)[:2] - 0.002, [0, 1], None, 'must be probabilities'),
        (np.eye(3)[:2] + 0.002, [0, 1], None, 'must be probabilities'),
        (one_hot([0, 1]), [0, 1], 'natural', "FERMetric.overall is 'natural', but no sample"),
    ],
)
def test_mistakes_are_sentences(scores, labels, overall, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_report(scores, np.array(labels), [(), ()], CLASSES, overall)


@pytest.mark.parametrize('rounding', [-0.0009, 0.0009])
def test_scores_may_be_rounded(rounding):
    report = make_report(np.eye(3)[:2] + rounding, np.array([0, 1]), [(), ()], CLASSES)
    assert report.accuracy == 100


def test_sample_without_label_is_named():
    row = next(samples(1))
    del row['gt_label']
    with pytest.raises(ValueError, match=r'sample without a label \(face\.png\)'):
        FERMetric().process(None, [dict(row, img_path='face.png')])


def test_paper_results_name_data_sets_and_rows_that_exist():
    names = {cls.METAINFO['dataset'] for cls in (FERPlus, RAFDB, AffectNet, SFEW)}
    assert set(PAPER_RESULTS) == names
    for rows in PAPER_RESULTS.values():
        assert set(rows) <= {'overall', 'occlusion', 'pose30', 'pose45'}
