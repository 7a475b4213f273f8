import numpy as np
import pytest

from ranfer.datasets.transforms import RandomOcclusion
from ranfer.datasets.transforms.occlusion import HALVES, KINDS, occlude


def grey_face(size=96):
    return np.full((size, size, 3), 128, np.uint8)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('half', HALVES)
def test_occluder_covers_its_half(kind, half):
    """The centre of what changed lies in the asked half (glasses and mask have their own)."""
    face = grey_face()
    out = occlude(face, kind, half, np.random.default_rng(0))
    changed = (out != face).any(-1)
    assert 0.03 < changed.mean() < 0.6
    y, x = np.nonzero(changed)
    place = {'glasses': 'upper', 'mask': 'lower'}.get(kind, half)
    where = {'left': x.mean() < 46, 'right': x.mean() > 50, 'upper': y.mean() < 46}
    where['lower'] = y.mean() > 50
    assert where[place]
    assert (face == 128).all()


def test_landmarks_move_the_occluder():
    points = np.array([[10, 15], [25, 15], [17, 22], [12, 30], [23, 30]], np.float32)
    out = occlude(grey_face(), 'glasses', 'upper', np.random.default_rng(0), points)
    y, x = np.nonzero((out != 128).any(-1))
    assert x.max() < 45 and abs(x.mean() - 17.5) < 3 and abs(y.mean() - 15) < 4


def test_grey_faces_get_grey_occluders():
    for seed in range(5):
        out = occlude(grey_face(), 'block', 'left', np.random.default_rng(seed))
        assert (out[..., 0] == out[..., 1]).all() and (out[..., 1] == out[..., 2]).all()
    colour = grey_face() - np.array([40, 10, 0], np.uint8)
    out = occlude(colour, 'hand', 'left', np.random.default_rng(0))
    assert (out[..., 0] != out[..., 2]).any()


def test_seed_makes_it_a_function_of_the_sample():
    transform = RandomOcclusion(seed=3)

    def apply(index):
        return transform(dict(img=grey_face(), sample_idx=index, conditions=('pose30',)))

    first, second = apply(0), apply(0)
    np.testing.assert_array_equal(first['img'], second['img'])
    assert first['conditions'] == second['conditions'] and len(first['conditions']) == 3
    assert first['conditions'][:2] == ('pose30', 'occlusion')
    assert len({apply(i)['conditions'][2] for i in range(30)}) == 4
    other = RandomOcclusion(seed=4)(dict(img=grey_face(), sample_idx=0))
    assert (other['img'] != first['img']).any()


def test_landmarks_move_augmentations_and_no_fixed_test_split():
    points = np.array([[[8, 9, 1], [20, 9, 1], [14, 15, 1], [9, 20, 1], [19, 20, 1]]], np.float32)
    fixed = RandomOcclusion(seed=0)
    with_points = fixed(dict(img=grey_face(), sample_idx=0, gt_keypoints=points))
    np.testing.assert_array_equal(
        with_points['img'], fixed(dict(img=grey_face(), sample_idx=0))['img']
    )
    drawn = []
    for keypoints in (points, None):
        np.random.seed(0)
        drawn.append(RandomOcclusion()(dict(img=grey_face(), gt_keypoints=keypoints))['img'])
    assert (drawn[0] != drawn[1]).any()


def test_landmarks_of_which_one_is_hidden_are_not_used():
    points = np.array([[[0, 0, 0], [25, 15, 1], [17, 22, 1], [12, 30, 1], [23, 30, 1]]], np.float32)
    drawn = []
    for keypoints in (points, None):
        np.random.seed(0)
        drawn.append(RandomOcclusion()(dict(img=grey_face(), gt_keypoints=keypoints))['img'])
    np.testing.assert_array_equal(drawn[0], drawn[1])


def test_probability_and_augmentation():
    np.random.seed(0)
    transform = RandomOcclusion(prob=0.5)
    hidden = [(transform(dict(img=grey_face()))['img'] != 128).any() for _ in range(200)]
    assert 70 < sum(hidden) < 130


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (dict(kinds=['hat']), r"kinds: got \['hat'\], expected a list out of glasses, mask"),
        (dict(kinds='mask'), "kinds: got 'mask', expected a list"),
        (dict(halves=[]), r'halves: got \[\]'),
        (dict(prob=2), 'prob: got 2'),
        (dict(seed=-1), 'seed: got -1, expected a number from 0'),
    ],
)
def test_mistakes(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        RandomOcclusion(**arguments)
