import json

import cv2
import matplotlib
import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample
from test_visualization import pictures

from ranfer.evaluation import Predictions, make_report
from ranfer.registry import VISUALIZERS
from ranfer.visualization import (
    draw_attention,
    draw_conditions,
    draw_confusion,
    draw_learning_curves,
    draw_region_weights,
    draw_reliability,
    evaluation,
    mean_region_weights,
    occlusion,
    read_scalars,
    write_picture,
)
from ranfer.visualization.attention import place_labels, weight_colours
from ranfer.visualization.conditions import wilson_interval
from ranfer.visualization.curves import _draw_panel
from ranfer.visualization.figure import WEIGHT_COLOURS, new_figure
from ranfer.visualization.visualizer import face_of_input

CLASSES = pictures.CLASSES
GOLDEN_RELEASE = '3.11.'  # of matplotlib, which drew the golden files


@pytest.mark.parametrize('make', pictures.PICTURES, ids=lambda make: make.__name__)
def test_golden(make):
    # The file is this picture as it was looked at and found good, at half the size. Another release
    # of matplotlib moves text by about a pixel, which makes a mean difference of 4 to 8 of 255.
    golden = cv2.imread(str(pictures.GOLDEN / f'{make.__name__}.png'))[..., ::-1]
    picture = pictures.shrink(make())
    assert abs(np.subtract(picture.shape, golden.shape)).max() <= 2
    height, width = np.minimum(picture.shape, golden.shape)[:2]
    difference = abs(picture[:height, :width].astype(int) - golden[:height, :width])
    same_release = matplotlib.__version__.startswith(GOLDEN_RELEASE)
    from_blank = (255 - golden.astype(int)).mean()
    assert difference.mean() < (3 if same_release else min(9, 0.75 * from_blank))


# Simulation of full colour blindness in linear RGB (Vienot, Brettel and Mollon 1999).
BLINDNESS = {
    'protan': [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    'deutan': [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize('kind', BLINDNESS)
def test_weight_colours_stay_in_order_for_the_colour_blind(kind):
    colours = WEIGHT_COLOURS(np.linspace(0, 1, 9))[:, :3]
    linear = np.clip(colours**2.2 @ np.array(BLINDNESS[kind]).T, 0, 1)
    seen = (linear ** (1 / 2.2)).astype(np.float32)[None]
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB)[0]
    # b* runs from blue to yellow, which dichromats see: low weights are bluer than high ones.
    assert lab[0, 2] < -20 < 10 < lab[-1, 2]
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.min() > 5  # neighbours differ by more than two just noticeable differences
    assert np.linalg.norm(lab[0] - lab[-1]) > 40


def test_highest_weight_is_red_and_lowest_blue():
    colours = weight_colours(np.array([0.2, 0.1, 0.7]))
    assert colours[2, 0] > colours[2, 2]
    assert colours[1, 2] > colours[1, 0]
    assert np.ptp(weight_colours(np.full(3, 1 / 3)), axis=0).max() == 0


def test_labels_do_not_overlap():
    boxes = np.array([[0, 0, 100, 100], [0, 0, 75, 75], [25, 0, 100, 75], [12, 25, 88, 100]])
    places = place_labels(boxes.astype(float), (20, 5), 1)
    for i in range(4):
        assert (places[i] >= boxes[i, :2]).all()
        assert (places[i] <= boxes[i, 2:]).all()
        for j in range(i):
            assert (abs(places[i] - places[j]) >= [20, 5]).any()


@pytest.mark.parametrize(
    ('shape', 'count'), [((1, 1), 1), ((48, 48), 13), ((300, 100), 2), ((20, 400), 2)]
)
def test_attention_takes_any_face_and_number_of_regions(shape, count):
    height, width = shape
    boxes = np.tile(np.array([[0, 0, width, height]], float), (count, 1))
    weights = np.full(count, 1 / count)
    picture = draw_attention(
        np.zeros((*shape, 3), np.uint8), boxes, weights, weights, weights, np.eye(8)[1], CLASSES
    )
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (960, 3)


@pytest.mark.parametrize('count', [1, 3])
def test_the_title_of_a_small_confusion_matrix_is_not_cut_off(count):
    picture = draw_confusion(np.eye(count, dtype=int), ['a name of many letters', 'b', 'c'][:count])
    dark = (picture < 255).any(axis=(0, 2))
    assert not dark[:2].any() and not dark[-2:].any()


def test_long_names_of_classes_stay_beside_the_face():
    one, box = np.ones(1), np.array([[0, 0, 20, 20.0]])
    face = np.zeros((20, 20, 3), np.uint8)
    names = ['Happy Faces of Children', 'a$b' * 500, 'joy']
    for best in range(3):
        picture = draw_attention(face, box, one, one, one, np.eye(3)[best], names, label=0)
        assert (picture[20:440, 452:455] == 255).all()


def test_a_dollar_in_a_name_is_no_formula():
    one, box = np.ones(1), np.array([[0, 0, 20, 20.0]])
    face, classes = np.zeros((20, 20, 3), np.uint8), ['a$_$', 'b$_c$']
    for title in ('', 'pay$b_$c.jpg'):
        draw_attention(face, box, one, one, one, np.eye(2)[0], classes, title=title)
    draw_confusion(np.eye(2, dtype=int), classes, 'pay$b_$c')


def test_attention_refuses_arrays_that_do_not_fit():
    face, boxes, three, two = pictures.face(), np.zeros((3, 4)), np.zeros(3), np.zeros(2)
    with pytest.raises(ValueError, match='3 regions, 3 mu, 3 nu, 2 final'):
        draw_attention(face, boxes, three, three, two, np.zeros(8), CLASSES)
    with pytest.raises(ValueError, match='2 scores for 8 classes'):
        draw_attention(face, boxes, three, three, three, two, CLASSES)


def test_no_two_of_many_curves_look_the_same():
    axes = new_figure(400, 300).subplots()
    _draw_panel(axes, {f'condition {i}': np.array([[0.0, i]]) for i in range(28)})
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 28


def test_wilson_interval():
    # 81 of 263: the worked example of Newcombe (1998), table I, method 3.
    low, high = wilson_interval(np.array([100 * 81 / 263]), np.array([263]))
    np.testing.assert_allclose([low[0], high[0]], [25.53, 36.62], atol=0.01)


def test_mean_region_weights_against_a_loop():
    rng = np.random.default_rng(1)
    weights, mask = rng.random((20, 3)), rng.random((20, 3)) > 0.3
    group = rng.random(20) > 0.5
    found = mean_region_weights(weights, {'a': group, 'none': np.zeros(20, bool)}, mask)
    assert list(found) == ['a']
    for region in range(3):
        values = [weights[i, region] for i in range(20) if group[i] and mask[i, region]]
        np.testing.assert_allclose(found['a'].mean[region], np.mean(values))
        np.testing.assert_allclose(found['a'].std[region], np.std(values))


@pytest.mark.parametrize(
    ('draw', 'match'),
    [
        (lambda: draw_confusion(np.zeros((2, 3)), 'ab'), r'shape \(2, 3\)'),
        (lambda: draw_conditions({}), 'no condition'),
        (lambda: draw_conditions({'a': (1, 2)}, {'b': 3}), "a reference for 'b'"),
        (lambda: draw_reliability(np.zeros(0), np.zeros(0)), 'at least 1'),
        (lambda: draw_region_weights({}, ['a']), 'at least one group'),
        (lambda: draw_learning_curves({'time': np.zeros((1, 2))}), 'found no loss'),
        (lambda: write_picture('x.nothing', np.zeros((2, 2, 3), np.uint8)), 'image format'),
        (lambda: write_picture('x.jpg', np.zeros((1, 70000, 3), np.uint8)), '70000 x 1 pixels'),
    ],
)
def test_errors(draw, match):
    with pytest.raises(ValueError, match=match):
        draw()


def test_read_scalars(tmp_path, tmp_path_factory):
    folder = tmp_path / 'run' / 'vis_data'
    folder.mkdir(parents=True)
    lines = [dict(lr=0.1, loss=2.0, step=1, epoch=1), {'fer/accuracy': 50.0, 'step': 1}]
    text = '\n'.join(map(json.dumps, lines)) + '\n{"loss": 1.0, "st'
    (folder / 'scalars.json').write_text(text)
    curves = read_scalars(tmp_path)
    assert curves['loss'].tolist() == [[1, 2]]
    assert curves['fer/accuracy'].tolist() == [[1, 50]]
    with pytest.raises(FileNotFoundError, match='scalars.json'):
        read_scalars(tmp_path_factory.mktemp('empty'))


def test_scalars_of_a_resumed_run_are_joined(tmp_path):
    def write(name: str, rows: list[dict]) -> None:
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)))

    def step(i: int, loss: float) -> dict:
        return dict(lr=0.1, loss=loss, epoch=(i + 1) // 2, step=i)

    def val(epoch: int, accuracy: float) -> dict:
        return {'fer/accuracy': accuracy, 'step': epoch}

    write('20260101_000000', [step(1, 7), step(2, 7), val(1, 7), step(9, 7)])
    write('20260102_000000', [step(1, 5), step(2, 4), val(1, 50), step(3, 3), step(4, 3)])
    write('20260103_000000', [step(3, 2), step(4, 1), val(2, 60)])
    write('test/20260104_000000', [val(0, 61)])
    curves = read_scalars(tmp_path)
    assert curves['loss'].tolist() == [[1, 5], [2, 4], [3, 2], [4, 1]]
    assert curves['fer/accuracy'].tolist() == [[1, 50], [2, 60]]


def sample() -> DataSample:
    made = DataSample(
        metainfo=dict(
            regions=np.array([[0, 0, 40, 40], [0, 0, 30, 30]], np.float32),
            region_mask=np.ones(2, bool),
            img_shape=(40, 40),
        )
    )
    for key in ('self_weights', 'relation_weights', 'region_weights'):
        made.set_field(torch.tensor([0.6, 0.4]), key)
    made.set_pred_score(torch.eye(8)[2]).set_pred_label(2).set_gt_label(1)
    return made


@pytest.mark.parametrize('with_weights', [True, False])
def test_visualizer(tmp_path, with_weights):
    visualizer = VISUALIZERS.build(
        dict(
            type='ranfer.RANVisualizer',
            name=tmp_path.name,
            save_dir=str(tmp_path),
            vis_backends=[dict(type='LocalVisBackend')],
        )
    )
    visualizer.dataset_meta = dict(classes=CLASSES)
    data = sample()
    if not with_weights:
        del data.region_weights
    visualizer.visualize_cls(pictures.face(40), data, name='a', step=3)
    assert list(tmp_path.glob('**/a_3.png'))
    out = tmp_path / 'b.png'
    visualizer.visualize_cls(pictures.face(40), data, out_file=str(out))
    assert (cv2.imread(str(out)).shape[1] == 960) == with_weights


def test_face_of_ready_crops():
    image = np.zeros((2, 3, 20, 20), np.uint8)
    image[0, 0] = 255  # blue
    face, moved = face_of_input(image, sample())
    assert face[0, 0].tolist() == [0, 0, 255]
    assert moved.regions.tolist() == [[0, 0, 20, 20], [0, 0, 15, 15]]
    oblong = sample()
    oblong.set_metainfo(dict(img_shape=(30, 60)))
    _, moved = face_of_input(image, oblong)
    np.testing.assert_allclose(moved.regions[1], [0, 0, 10, 20])


def test_only_the_samples_of_the_overall_condition_are_drawn(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        evaluation, 'draw_reliability', lambda conf, right: drawn.update(conf=conf, right=right)
    )
    monkeypatch.setattr(evaluation, 'draw_region_weights', lambda means, names: drawn.update(means))
    scores, weights = np.eye(2), np.array([[0.5, 0.5], [1.0, 0.0]])
    rows = [
        evaluation.Prediction(scores[0], 0, ('natural',), weights[0]),
        evaluation.Prediction(scores[1], 0, ('turned',), weights[1]),
    ]
    evaluation.draw_predictions(rows, ['joy', 'fear'], 'natural')
    assert drawn['conf'].tolist() == [1] and drawn['right'].tolist() == [True]
    assert drawn['all'].count == drawn['joy'].count == 1 and drawn['turned'].mean[0] == 1
    evaluation.draw_predictions(rows, ['joy', 'fear'])
    assert len(drawn['conf']) == drawn['all'].count == drawn['joy'].count == 2


def test_saved_predictions_are_those_of_the_samples():
    sample = DataSample(
        metainfo=dict(conditions=('turned',), region_mask=np.array([True, False, True]))
    )
    sample.set_gt_label(1).set_pred_score(torch.tensor([0.25, 0.75]))
    sample.set_field(torch.tensor([1.0, 0.0]), 'region_weights')
    saved = Predictions(
        None, ('joy', 'fear'), None, ('a',), (1,), (('turned',),), ((0.25, 0.75),), ((1.0, None),)
    )
    (found,) = evaluation.Prediction.from_saved(saved)
    taken = evaluation.Prediction.from_sample(sample)
    assert found == taken._replace(scores=tuple(taken.scores))
    assert evaluation.Prediction.from_sample(sample.to_dict()) == taken


def test_rows_of_one_name_are_all_drawn(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        evaluation, 'draw_region_weights', lambda means, names: drawn.update(weights=means)
    )
    monkeypatch.setattr(
        evaluation, 'draw_conditions', lambda bars, references: drawn.update(bars=bars)
    )
    scores, weights = np.eye(2), np.array([0.5, 0.5])
    conditions = [('joy', 'overall'), ()]
    rows = [evaluation.Prediction(scores[i], i, conditions[i], weights) for i in (0, 1)]
    evaluation.draw_predictions(rows, ['joy', 'all'])
    assert list(drawn['weights']) == ['all', 'joy', 'all (class)', 'joy (condition)', 'overall']
    report = make_report(scores, np.array([0, 1]), conditions, ['joy', 'all'])
    evaluation.draw_report(report)
    assert {name: count for name, (_, count) in drawn['bars'].items()} == {
        'overall': 2,
        'joy': 1,
        'overall (condition)': 1,
    }


def test_a_picture_is_written_whole_or_not_at_all(tmp_path):
    resource = pytest.importorskip('resource')
    path = tmp_path / f'{80 * "喜"}.png'  # 240 bytes, which leaves little for the name of a draft
    write_picture(path, np.zeros((2, 2, 3), np.uint8))
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limit[1]))
    try:
        with pytest.raises(OSError, match='File too large') as caught:
            write_picture(path, np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_a_single_region_has_no_interval(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        matplotlib.axes.Axes, 'errorbar', lambda _, x, y, error, **__: drawn.append(error)
    )
    occlusion.draw_hidden_regions(np.array([0.1, 0.1, 0.9]), np.array([1.0, 1.2, 0.8]))
    # two values 0.2 apart have a standard deviation of 0.2 / sqrt(2)
    np.testing.assert_allclose(drawn[0], [1.96 * 0.1, np.nan])
