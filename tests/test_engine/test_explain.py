"""Mistakes in a config become one sentence with the likely correction."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from torch.utils.data import DataLoader

import ranfer.datasets.transforms
import ranfer.engine
import ranfer.models  # noqa: F401
from ranfer.engine.errors import one_sentence_errors
from ranfer.engine.explain import explain


def sentence(build) -> str:
    with pytest.raises(Exception) as caught:
        build()
    return explain(caught.value)


@pytest.mark.parametrize(
    ('registry', 'config', 'expected'),
    [
        (MODELS, dict(type='ranfer.RANNek', in_channels=8), "did you mean 'ranfer.RANNeck'?"),
        (MODELS, dict(type='RANNeck', in_channels=8), "did you mean 'ranfer.RANNeck'?"),
        (MODELS, dict(type='RANN', in_channels=8), "did you mean 'ranfer.RANNeck'?"),
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


@pytest.mark.parametrize(
    ('registry', 'config', 'key', 'known'),
    [
        (DATASETS, dict(type='ranfer.SynthFER', skip_bda=True), 'skip_bda', 'skip_bad'),
        (DATASETS, dict(type='ranfer.SynthFER', data_rot='x'), 'data_rot', 'data_root'),
        (DATASETS, dict(type='ranfer.SynthFER', lazy_ini=True), 'lazy_ini', 'lazy_init'),
        (MODELS, dict(type='ranfer.FastResNet', depth=18, style_='x'), 'style_', 'style'),
        (HOOKS, dict(type='ranfer.SafeCheckpointHook', max_keep=3), 'max_keep', 'max_keep_ckpts'),
    ],
)
def test_typo_that_a_parent_refuses(registry, config, key, known):
    name = config['type'].split('.')[1]
    assert sentence(lambda: registry.build(config)) == (
        f'The config of {name} has the key {key!r}, which {name} does not know; did you mean '
        f'{known!r}?'
    )


def test_typo_where_no_registry_builds():
    text = sentence(lambda: EpochBasedTrainLoop(None, None, max_epoch=2))
    assert "config of EpochBasedTrainLoop has the key 'max_epoch'" in text
    assert text.endswith("did you mean 'max_epochs'?")
    assert sentence(lambda: DataLoader([], batchsize=8)).endswith("did you mean 'batch_size'?")


def test_typo_in_a_scheduler_or_optimizer():
    config = dict(type='CosineLR', T_max=2, convert_to_iter_based=True, epoch_length=1)
    text = sentence(lambda: PARAM_SCHEDULERS.build(config))
    assert text.startswith("The config names type='CosineLR', which no parameter scheduler compo")
    assert 'did you mean' in text
    config = dict(optimizer=dict(type='AdmW', lr=0.1))
    assert sentence(lambda: build_optim_wrapper(torch.nn.Linear(1, 1), config)) == (
        "The config names type='AdmW', which no optimizer component is called; did you mean "
        "'AdamW'?"
    )


def test_a_key_error_may_be_a_message():
    config = dict(type='ranfer.FastResNet', depth=17)
    assert sentence(lambda: MODELS.build(config)) == 'invalid depth 17 for resnet'


def test_more_frozen_stages_than_there_are(capsys):
    with pytest.raises(SystemExit), one_sentence_errors():
        MODELS.build(dict(type='ranfer.FastResNet', depth=18, frozen_stages=9))
    assert capsys.readouterr().err.startswith(
        "Error: The key 'frozen_stages' of FastResNet is 9, more than the stages that it has; "
        'lower it.\n'
    )
    with pytest.raises(AttributeError), one_sentence_errors():
        torch.nn.Module().layer5  # noqa: B018


def test_region_strategy_typo():
    build = dict(type='ranfer.RegionCropTransform', strategy=dict(type='FixedRegion'))
    text = sentence(lambda: TRANSFORMS.build(build))
    assert "type='FixedRegion'" in text and "'ranfer.FixedRegions'" in text


@pytest.mark.parametrize('value', ['abc', None])
@pytest.mark.parametrize('kind', ['SGD', 'AdamW'])
def test_a_text_where_a_number_belongs(kind, value):
    weights = [torch.nn.Parameter(torch.zeros(1))]
    text = sentence(lambda: OPTIMIZERS.build(dict(type=kind, params=weights, lr=value)))
    assert text == f"The key 'lr' of {kind} must be a number, got {value!r}."


def test_other_comparisons_keep_their_text():
    assert 'not supported between' in sentence(lambda: 1 < 'a')


def test_other_errors():
    assert explain(ValueError('a\n  b')) == 'a b'
    assert "'val_cfg'" in explain(KeyError('val_cfg'))
    assert explain(ValueError("a.txt: 'ascii' codec can't encode; b")).endswith('encode; b')
    assert sentence(lambda: 'caf\udce9'.encode()).endswith('rename the file or class that has it.')
    text = sentence(lambda: open('/nowhere/at/all'))
    assert text == 'No such file or directory: /nowhere/at/all.'


def test_crops_in_sets_name_the_key(capsys):
    with pytest.raises(SystemExit), one_sentence_errors():
        torch.nn.Conv2d(3, 4, 1)(torch.zeros(2, 6, 3, 8, 8))
    assert capsys.readouterr().err.startswith(
        'Error: The backbone got the crops of a face as a set [2, 6, 3, 8, 8]; set '
        'data_preprocessor.with_mask=False, or take ranfer.RANClassifier.\n'
    )
    with pytest.raises(RuntimeError), one_sentence_errors():
        torch.nn.Conv2d(3, 4, 1)(torch.zeros(2, 8))
