"""The pictures behind the golden files, from fixed data; ``python pictures.py`` makes the files."""

from pathlib import Path

import cv2
import numpy as np

from ranfer.regions import FixedRegions, LandmarkRegions
from ranfer.visualization import (
    draw_attention,
    draw_conditions,
    draw_confusion,
    draw_learning_curves,
    draw_region_weights,
    draw_reliability,
    mean_region_weights,
    write_picture,
)
from ranfer.visualization.occlusion import draw_hidden_regions, draw_sliding

GOLDEN = Path(__file__).parent / 'golden'
CLASSES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt')


def face(size: int = 120) -> np.ndarray:
    """A drawn face, RGB."""
    image = np.full((size, size, 3), (70, 110, 90), np.uint8)
    point = [round(size * x) for x in (0.5, 0.55)]
    cv2.ellipse(image, point, (size * 2 // 5, size // 2), 0, 0, 360, (224, 190, 160), -1)
    for x in (0.35, 0.65):
        cv2.circle(image, (round(size * x), round(size * 0.42)), size // 14, (40, 40, 60), -1)
    cv2.ellipse(image, point, (size // 5, size // 4), 0, 30, 150, (160, 40, 50), 4)
    return image


def _attention(strategy, landmarks=None) -> np.ndarray:
    rng = np.random.default_rng(0)
    boxes, mask = strategy((120, 120), landmarks, rng)
    boxes, mask = np.vstack([[0, 0, 120, 120], boxes]), np.r_[True, mask]
    mu, nu = rng.uniform(0.4, 0.9, (2, len(boxes)))
    final = mu * nu * mask / (mu * nu * mask).sum()
    scores = rng.dirichlet(np.full(8, 0.5))
    return draw_attention(
        face(), boxes, mu, nu, final, scores, CLASSES, region_mask=mask, label=1, title='face.png'
    )


def attention_fixed() -> np.ndarray:
    return _attention(FixedRegions())


def attention_landmarks() -> np.ndarray:
    points = [[42, 50, 1], [78, 50, 1], [60, 66, 0], [44, 88, 1], [76, 88, 1]]
    return _attention(LandmarkRegions(), np.array(points, float))


def confusion() -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, (8, 8)) + np.diag(rng.integers(20, 1400, 8))
    counts[7] = 0
    return draw_confusion(counts, CLASSES)


def conditions() -> np.ndarray:
    rows = dict(overall=(84.3, 3153), occlusion=(78.1, 605), pose30=(81.0, 1171), pose45=(0.0, 1))
    return draw_conditions(rows, dict(overall=89.16, occlusion=83.63))


def reliability() -> np.ndarray:
    rng = np.random.default_rng(0)
    confidence = rng.beta(5, 2, 3000)
    return draw_reliability(confidence, rng.random(3000) < confidence**1.4)


def region_weights() -> np.ndarray:
    rng = np.random.default_rng(0)
    weights, labels = rng.dirichlet(np.full(6, 30), 400), rng.integers(0, 8, 400)
    mask = np.ones((400, 6), bool)
    mask[labels == 3, 5] = False
    groups = {name: labels == index for index, name in enumerate(CLASSES)}
    means = mean_region_weights(weights, groups, mask)
    return draw_region_weights(means, ['0 face', *'12345'])


def curves() -> np.ndarray:
    step, epoch = np.arange(60), np.arange(1, 11)
    values = {
        'loss': np.c_[step * 50, 2 * np.exp(-step / 20)],
        'loss_region': np.c_[step * 50, 0.02 * np.exp(-step / 30)],
        'lr': np.c_[step * 50, np.where(step < 30, 0.1, 0.01)],
        'fer/accuracy': np.c_[epoch, 80 - 30 * np.exp(-epoch / 3)],
        'fer/occlusion': np.c_[epoch, 70 - 30 * np.exp(-epoch / 3)],
        'fer/occlusion_count': np.c_[epoch, 0 * epoch + 605],
    }
    return draw_learning_curves(values)


def hidden_regions() -> np.ndarray:
    rng = np.random.default_rng(0)
    shares = rng.beta(3, 3, 600)
    return draw_hidden_regions(shares, 1.1 - 0.25 * shares + 0.1 * rng.standard_normal(600))


def sliding_bar() -> np.ndarray:
    positions = np.linspace(0, 1, 21)
    faces = np.stack([face()] * 21)
    for covered, position in zip(faces, positions):
        covered[max(int(120 * (position - 0.15)), 0) : int(120 * (position + 0.15))] = 110
    dip = np.exp(-(((positions - 0.75) / 0.12) ** 2))
    probabilities = np.r_[0.9 - 0.6 * dip, 0.9]
    weights = np.stack([1 + 0.1 * (i - 2) * np.r_[dip, 0] for i in range(6)], axis=1)
    return draw_sliding(faces, positions, probabilities, weights, 'happiness', ['0 face', *'12345'])


PICTURES = (
    attention_fixed,
    attention_landmarks,
    confusion,
    conditions,
    reliability,
    region_weights,
    curves,
    hidden_regions,
    sliding_bar,
)


def shrink(picture: np.ndarray) -> np.ndarray:
    """Half the size, which forgives the last pixel of an anti-aliased edge."""
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


if __name__ == '__main__':
    for make in PICTURES:
        write_picture(GOLDEN / f'{make.__name__}.png', shrink(make()))
