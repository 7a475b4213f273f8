from dataclasses import replace

import numpy as np
import pytest

from ranfer.datasets.synthetic import OCCLUDERS, OPAQUE, Occluder, draw, render_face, sample_face
from ranfer.datasets.synthetic.occluders import sample_occluder

PAIRS = [(kind, half) for kind, halves in OCCLUDERS.items() for half in halves]


def frontal(seed=0):
    face = sample_face(np.random.default_rng(seed), 'happiness', yaw=0)
    return replace(face, view=replace(face.view, pitch=0.0, roll=0.0))


@pytest.mark.parametrize(('kind', 'half'), PAIRS)
def test_mask_lies_in_its_half_and_hides_its_landmarks(kind, half):
    for seed in range(6):
        face = replace(frontal(seed), occluders=(Occluder(kind, half, seed),))
        _, truth = render_face(face)
        mask = truth.occluder_mask
        x1, y1, x2, y2 = truth.face_box.round().astype(int).clip(0, 128)
        middle_x, middle_y = (x1 + x2) // 2, (y1 + y2) // 2
        halves = {
            'left': np.s_[y1:y2, x1:middle_x],
            'right': np.s_[y1:y2, middle_x:x2],
            'upper': np.s_[y1:middle_y, x1:x2],
            'lower': np.s_[middle_y:y2, x1:x2],
        }
        opposite = {'left': 'right', 'right': 'left', 'upper': 'lower', 'lower': 'upper'}[half]
        assert mask[halves[half]].mean() > 2 * mask[halves[opposite]].mean()
        if kind in OPAQUE:
            assert mask[halves[half]].mean() > 0.2
        column, row = np.floor(truth.keypoints).astype(int).T
        np.testing.assert_array_equal(truth.keypoints_visible, ~mask[row, column])


@pytest.mark.parametrize(('kind', 'half'), PAIRS)
def test_only_covered_pixels_change(kind, half):
    face = frontal(2)
    face = replace(face, view=replace(face.view, blur=0.0, jpeg=0))
    plain, _ = render_face(face)
    covered, truth = render_face(replace(face, occluders=(Occluder(kind, half, 5),)))
    changed = (plain.astype(int) != covered).any(-1)
    x1, y1, x2, y2 = truth.occluder_box
    outside = np.ones_like(changed)
    outside[max(y1 - 2, 0) : y2 + 2, max(x1 - 2, 0) : x2 + 2] = False
    assert not changed[outside].any()
    assert changed[truth.occluder_mask].mean() > 0.9


def test_opaque_occluders_hide_what_they_name():
    names = ('left', 'right', 'upper', 'lower')
    hidden = dict.fromkeys(names, 0.0)
    members = {'left': [0, 3], 'right': [1, 4], 'upper': [0, 1], 'lower': [3, 4]}
    for half in names:
        seen = [draw(seed=s, yaw=0, half=half)[1].keypoints_visible for s in range(40)]
        hidden[half] = 1 - np.mean(seen, 0)[members[half]].mean()
    assert min(hidden.values()) > 0.6, hidden


def test_plain_glasses_leave_the_eyes_visible():
    visible = [draw(seed=s, yaw=0, occluder='glasses')[1].keypoints_visible for s in range(20)]
    assert np.mean(visible) > 0.95


def test_sampled_occluders_reach_every_half_and_kind():
    rng = np.random.default_rng(0)
    drawn = {(x.kind, x.half) for x in (sample_occluder(rng) for _ in range(300))}
    assert drawn == {(kind, half) for kind, half in PAIRS if kind in OPAQUE}


def test_wrong_names_are_refused():
    with pytest.raises(ValueError, match="occluder='beard' is unknown: use one of"):
        Occluder('beard', 'lower')
    with pytest.raises(ValueError, match="half='upper' does not suit the occluder 'mask'"):
        Occluder('mask', 'upper')
    with pytest.raises(ValueError, match="occluder='bogus' is unknown: use one of"):
        draw(occluder='bogus')
    with pytest.raises(ValueError, match="half='middle' is unknown: use one of"):
        draw(half='middle')
    with pytest.raises(ValueError, match="half='middle' is unknown: use one of .'lower',"):
        draw(occluder='mask', half='middle')


def test_box_is_that_of_the_opaque_occluder_beside_plain_glasses():
    hand, glasses = Occluder('hand', 'left', 3), Occluder('glasses', 'upper', 4)
    _, alone = render_face(replace(frontal(), occluders=(hand,)))
    _, both = render_face(replace(frontal(), occluders=(glasses, hand)))
    _, frame = render_face(replace(frontal(), occluders=(glasses,)))
    assert both.occluder_box == alone.occluder_box != frame.occluder_box
    assert both.occluder_mask.sum() > alone.occluder_mask.sum()
    assert frame.occluder_box is not None and not frame.opaque_mask.any()
