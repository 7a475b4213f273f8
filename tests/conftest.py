"""What all tests share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import Phase, settings
from mmengine.registry import DefaultScope
from mmengine.registry.utils import init_default_scope

import ranfer  # noqa: F401

torch.set_num_threads(1)
# For mutation runs: one counter-example is enough, none is made smaller.
settings.register_profile('first', phases=(Phase.explicit, Phase.generate))


@pytest.fixture(autouse=True)
def mmpretrain_scope():
    """Every test starts from the scope in which configs run, whatever the one before left."""
    DefaultScope._instance_dict.clear()
    init_default_scope('mmpretrain')
