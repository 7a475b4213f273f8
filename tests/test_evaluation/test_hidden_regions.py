import runpy
from pathlib import Path

import numpy as np
import pytest

from ranfer.evaluation.hidden_regions import compare_hidden, hidden_share

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)


def test_hidden_share_against_counted_pixels():
    # Whole-pixel boxes on a grid of 40 x 40: counting is exact.
    boxes = np.sort(RNG.integers(0, 40, (30, 2, 2)), axis=1).reshape(30, 4)
    cover = np.zeros((40, 40), bool)
    cover[5:25, 10:30] = True
    for (x1, y1, x2, y2), share in zip(boxes, hidden_share(boxes, [10, 5, 30, 25])):
        part = cover[y1:y2, x1:x2]
        assert share == pytest.approx(part.mean() if part.size else 0)


def test_attention_that_leaves_hidden_regions_is_found():
    shares = RNG.random((200, 6))
    usual = np.array([0.3, 0.1, 0.1, 0.2, 0.2, 0.1])
    weights = usual * (1.2 - 0.4 * shares)
    found = compare_hidden(weights, shares, usual)
    assert found.hidden_relative < found.visible_relative
    assert found.interval[0] < found.difference < found.interval[1] < 0
    assert found.lower_share == 1
    assert found.rank_correlation == pytest.approx(-1)


def test_indifferent_attention_shows_no_difference():
    # Raw weights differ because strong regions are hidden more often; relative weights do not.
    shares = np.tile([0.9, 0.9, 0.1, 0.1], (50, 1))
    usual = np.array([0.4, 0.3, 0.2, 0.1])
    found = compare_hidden(np.tile(usual, (50, 1)), shares, usual)
    assert found.hidden_weight > found.visible_weight
    assert found.difference == 0
    assert found.rank_correlation == 0


def test_missing_regions_do_not_count():
    shares, weights = np.array([[0.9, 0.1, 0.9]]), np.array([[0.2, 0.8, 0.0]])
    found = compare_hidden(weights, shares, np.ones(3), np.array([[True, True, False]]))
    assert found.hidden_weight == pytest.approx(0.2)


def test_interval_and_rank_correlation_by_hand():
    shares = np.array([[0.9, 0.1], [0.9, 0.3]])
    found = compare_hidden(np.array([[0.1, 0.4], [0.2, 0.3]]), shares, np.ones(2))
    # Differences -0.3 and -0.1: standard deviation 0.1 sqrt(2), of the mean 0.1.
    np.testing.assert_allclose(found.interval, [-0.2 - 0.196, -0.2 + 0.196])
    # Ranks of the shares 3.5, 1, 3.5, 2, of the weights 1, 4, 2, 3.
    assert found.rank_correlation == pytest.approx(-4.5 / np.sqrt(4.5 * 5))


def test_needs_a_hidden_and_a_visible_region():
    with pytest.raises(ValueError, match='No face has a region hidden'):
        compare_hidden(np.ones((2, 3)), np.zeros((2, 3)), np.ones(3))


@pytest.mark.parametrize('limits', [(0.4, 0.6), (0.5, 0.5), (float('nan'), 0.4)])
def test_no_region_is_both_hidden_and_visible(limits):
    with pytest.raises(ValueError, match='hidden_from must be above visible_to'):
        compare_hidden(np.ones((1, 2)), np.array([[0.5, 0.1]]), np.ones(2), None, *limits)


def test_the_usual_weight_is_that_of_the_faces_that_have_the_region():
    tool = runpy.run_path(str(ROOT / 'tools/analysis_tools/explain_occlusion.py'))
    samples = [
        dict(region_weights=np.array([0.6, 0.4, 0.0]), region_mask=np.array([True, True, False])),
        dict(region_weights=np.array([1.0, 0.0, 0.0]), region_mask=np.array([True, False, False])),
    ]
    np.testing.assert_allclose(tool['usual_weights'](samples), [0.8, 0.4, np.nan])
