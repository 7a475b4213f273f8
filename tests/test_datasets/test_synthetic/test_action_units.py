import numpy as np
import pytest

from ranfer.datasets.synthetic import (
    ACTION_UNITS,
    CLASSES,
    EMFACS,
    action_unit_array,
    sample_action_units,
)
from ranfer.datasets.synthetic.action_units import INDEX


def test_recipes_are_emfacs():
    # Written down from the EMFACS table, not taken from the package.
    assert EMFACS == {
        'neutral': (),
        'happiness': (6, 12),
        'surprise': (1, 2, 5, 26),
        'sadness': (1, 4, 15),
        'anger': (4, 5, 7, 23),
        'disgust': (9, 15, 16),
        'fear': (1, 2, 4, 5, 20, 26),
    }
    assert tuple(EMFACS) == CLASSES
    assert {unit for units in EMFACS.values() for unit in units} <= set(ACTION_UNITS)


@pytest.mark.parametrize('expression', CLASSES)
def test_recipe_stands_out_of_the_noise(expression):
    rng = np.random.default_rng(0)
    strengths = np.mean([sample_action_units(expression, rng) for _ in range(300)], axis=(0, 2))
    active = {unit for unit in ACTION_UNITS if strengths[INDEX[unit]] > 0.4}
    assert active == set(EMFACS[expression])


@pytest.mark.parametrize('intensity', [0.0, 0.3, 1.0, None])
def test_strengths_stay_in_range(intensity):
    rng = np.random.default_rng(1)
    for expression in CLASSES:
        units = sample_action_units(expression, rng, intensity)
        assert units.shape == (len(ACTION_UNITS), 2)
        assert units.dtype == np.float32
        assert units.min() >= 0
        assert units.max() <= 1


def test_same_generator_state_same_strengths():
    first = sample_action_units('fear', np.random.default_rng(5))
    again = sample_action_units('fear', np.random.default_rng(5))
    np.testing.assert_array_equal(first, again)


def test_array_by_number():
    units = action_unit_array({12: 0.5})
    assert units[INDEX[12]].tolist() == [0.5, 0.5]
    assert units.sum() == 1


def test_errors_name_the_choices():
    with pytest.raises(ValueError, match=r'Action unit 99 cannot be drawn: use one of \(1, 2'):
        action_unit_array({99: 1})
    with pytest.raises(ValueError, match="expression='joy' is unknown: use one of"):
        sample_action_units('joy', np.random.default_rng(0))
