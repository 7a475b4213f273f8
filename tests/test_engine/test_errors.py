"""Mistakes in a config become one sentence with the likely correction."""

from __future__ import annotations

import pytest
from mmpretrain.registry import MODELS, TRANSFORMS

import ranfer.datasets.transforms
import ranfer.models  # noqa: F401
from ranfer.engine.errors import explain, one_sentence_errors


def sentence(build) -> str:
    with pytest.raises(Exception) as caught:
        build()
    return explain(caught.value)


@pytest.mark.parametrize(
    ('registry', 'config', 'expected'),
    [
        (MODELS, dict(type='ranfer.RANNek', in_channels=8), "did you mean 'ranfer.RANNeck'?"),
        (MODELS, dict(type='RANNeck', in_channels=8), "did you mean 'ranfer.RANNeck'?"),
        (MODELS, dict(type='ResNett', depth=18), "did you mean 'ResNet'?"),
        (TRANSFORMS, dict(type='RandomFlipp'), "did you mean 'RandomFlip'?"),
        (MODELS, dict(type='Qqqqqqqqqqq'), 'correct the name.'),
        (MODELS, dict(type='ranfer.RANNeck', in_channel=8), "did you mean 'in_channels'?"),
        (MODELS, dict(type='ranfer.RANNeck', in_channels=8, zzzz=1), 'its keys are in_channels,'),
        (MODELS, dict(type='ranfer.RANNeck'), "config of RANNeck lacks the key 'in_channels'"),
    ],
)
def test_typo(registry, config, expected):
    assert expected in sentence(lambda: registry.build(config))


def test_region_strategy_typo():
    build = dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegion'))
    text = sentence(lambda: TRANSFORMS.build(build))
    assert "type='FixedRegion'" in text and "'ranfer.FixedRegions'" in text


def test_other_errors():
    assert explain(ValueError('a\n  b')) == 'a b'
    assert "'val_cfg'" in explain(KeyError('val_cfg'))
    text = sentence(lambda: open('/nowhere/at/all'))
    assert text == 'No such file or directory: /nowhere/at/all.'


def test_program_ends_with_a_sentence(capsys):
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        raise ValueError('model.x is 1, must be 2.')
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith('Error: model.x is 1, must be 2.\n')
    with pytest.raises(ValueError, match='kept'), one_sentence_errors(traceback=True):
        raise ValueError('kept')
    with pytest.raises(ZeroDivisionError), one_sentence_errors():
        raise ZeroDivisionError  # a bug of ours is no mistake of the user
