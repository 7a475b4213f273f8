"""Short forms of the soak runs; the long ones and their figures are in docs/reliability.md."""

from __future__ import annotations

import sys

import pytest
import soak

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
MOST_GROWTH = 0.1
"""Of so few requests and iterations some are still warming up."""


def test_every_request_of_several_clients_is_answered():
    outcome = soak.soak_inferencer(40, 4, soak.tiny.inferencer())
    assert outcome.answers == {'answered of good': 36, 'refused of broken': 4}
    assert outcome.growth < MOST_GROWTH


def test_a_training_keeps_its_memory():
    outcome = soak.soak_train(60)
    assert outcome.answers == {'iterations': 60}
    assert outcome.growth < MOST_GROWTH
