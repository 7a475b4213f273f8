import cv2
import numpy as np
import pytest
from mmengine.registry import TRANSFORMS

from ranfer.datasets.transforms import RandomFaceAffine, RandomFaceFlip
from ranfer.datasets.transforms.affine import affine_matrix
from ranfer.landmarks.align import move_points

SIZE = (80, 100)
POINTS = np.array([[35, 30], [65, 32], [50, 45], [38, 60], [62, 58]], np.float32)


def dots(points=POINTS, size=SIZE):
    """Black image with a soft dot of its own colour at each point (edge coordinates)."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    image = np.zeros((*size, 5))
    for k, (px, py) in enumerate(points):
        image[..., k] = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)
    return image.astype(np.uint8)


def centres(image):
    """Centre of mass of each dot."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    weights = image.astype(float).reshape(-1, 5).T
    return np.stack([weights @ x.ravel(), weights @ y.ravel()], 1) / weights.sum(1)[:, None]


def sample(points=POINTS):
    keypoints = np.ones((1, 5, 3), np.float32)
    keypoints[0, :, :2] = points
    return dict(
        img=dots(points),
        img_shape=SIZE,
        gt_keypoints=keypoints,
        gt_bboxes=np.float32([[30, 20, 70, 65]]),
    )


@pytest.mark.parametrize(
    'config',
    [
        dict(
            type='ranfer.RandomFaceAffine', rotation=15, scale=(0.8, 1.1), translate=0.05, shear=8
        ),
        dict(type='ranfer.RandomFaceFlip', prob=1.0),
        dict(type='Resize', scale=(224, 224)),
        dict(type='RandomFlip', prob=1.0),
    ],
    ids=lambda config: config['type'],
)
def test_landmarks_stay_on_what_they_mark(config):
    """Dots drawn at the landmarks and warped with the image are found again within 0.5 pixels of
    the moved landmarks (in pixels of the source image): dots and landmarks go different ways."""
    transform = TRANSFORMS.build(config)
    swap = config['type'] == 'ranfer.RandomFaceFlip'
    for seed in range(5):
        np.random.seed(seed)
        out = transform(sample())
        scale = np.array(out['img'].shape[:2][::-1]) / SIZE[::-1]
        found = centres(out['img'])[[1, 0, 2, 4, 3] if swap else slice(None)]
        assert np.abs((found - out['gt_keypoints'][0, :, :2]) / scale).max() < 0.5
        assert (out['gt_keypoints'][..., 2] == 1).all()


def test_round_trip_of_landmarks_is_under_a_pixel():
    matrix = affine_matrix(SIZE, 20, 1.2, (3, -4), 5)
    back = cv2.invertAffineTransform(matrix)
    assert np.abs(move_points(move_points(POINTS, matrix), back) - POINTS).max() < 1e-9
    flip = RandomFaceFlip(prob=1.0)
    np.testing.assert_array_equal(flip(flip(sample()))['gt_keypoints'], sample()['gt_keypoints'])


def test_landmark_that_leaves_keeps_its_place_without_visibility():
    np.random.seed(0)
    out = RandomFaceAffine(scale=(3, 3))(sample())
    expected = (POINTS - [50, 40]) * 3 + [50, 40]
    np.testing.assert_allclose(out['gt_keypoints'][0, :, :2], expected, atol=1e-3)
    inside = ((expected >= 0) & (expected <= SIZE[::-1])).all(1)
    assert out['gt_keypoints'][0, :, 2].tolist() == inside.astype(float).tolist()
    np.testing.assert_allclose(out['gt_bboxes'], [[-10, -20, 110, 115]], atol=1e-3)


def test_boxes_hold_their_turned_corners():
    out = RandomFaceAffine(rotation=(30, 30))(sample())
    corners = []
    for x in (30, 70):
        for y in (20, 65):
            dx, dy = x - 50, y - 40
            across = dx * np.cos(np.pi / 6) - dy * np.sin(np.pi / 6)
            down = dx * np.sin(np.pi / 6) + dy * np.cos(np.pi / 6)
            corners.append([50 + across, 40 + down])
    expected = [[*np.min(corners, axis=0), *np.max(corners, axis=0)]]
    np.testing.assert_allclose(out['gt_bboxes'], expected, atol=1e-4)


def test_the_border_is_repeated():
    face = np.full((*SIZE, 3), 200, np.uint8)
    out = RandomFaceAffine(rotation=(30, 30), scale=(0.5, 0.5))(dict(img=face))
    assert (out['img'] == 200).all()


def test_identity_and_probability_zero_change_nothing():
    for transform in (RandomFaceAffine(), RandomFaceAffine(rotation=90, prob=0)):
        out = transform(sample())
        np.testing.assert_array_equal(out['img'], dots())
        np.testing.assert_array_equal(out['gt_keypoints'], sample()['gt_keypoints'])


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (dict(scale=(0, 1)), 'scale: got .*expected factors above 0'),
        (dict(scale=(2, 1)), 'scale: got .*low <= high'),
        (dict(rotation=(1, 2, 3)), 'rotation: got'),
        (dict(translate=2), 'translate: got 2, expected a number in'),
        (dict(prob=-1), 'prob: got -1'),
    ],
)
def test_mistakes(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        RandomFaceAffine(**arguments)
