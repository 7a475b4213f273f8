"""A checkpoint tells what its weights do not: how faces came in, and the form of attention."""

from __future__ import annotations

import warnings as python_warnings
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from test_engine.tiny import tiny_runner

from ranfer.apis.model_file import ModelFile, find_model
from ranfer.engine import load_checkpoint
from ranfer.engine.model_input import INPUT_META, input_of
from ranfer.engine.weights import load_weights
from ranfer.models import RANNeck, RegionDataPreprocessor

ROOT = Path(__file__).parents[2]


class Fed(BaseModel):
    def __init__(self, **settings) -> None:
        super().__init__(RegionDataPreprocessor(**settings))
        self.fc = torch.nn.Linear(1, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr('ranfer.engine.weights.print_log', lambda text, *_: texts.append(text))
    return texts


def test_a_training_keeps_it(tmp_path):
    runner = tiny_runner(tmp_path, epochs=1)
    runner.model.data_preprocessor = RegionDataPreprocessor(
        crop_size=32, mean=[1, 2, 3], std=[4] * 3
    )
    expected = dict(crop_size=32, to_rgb=False, mean=[1.0, 2.0, 3.0], std=[4.0] * 3)
    assert input_of(runner.model) == expected
    runner.call_hook('before_save_checkpoint', checkpoint=(saved := dict(state_dict={})))
    assert saved['meta'][INPUT_META] == expected
    assert input_of(torch.nn.Linear(1, 1)) == {}


def test_a_test_with_another_input_is_warned_of(tmp_path, warnings):
    model = Fed(crop_size=32, mean=[127.5] * 3, std=[60] * 3)
    path = str(tmp_path / 'a.pth')
    meta = {INPUT_META: dict(crop_size=32, to_rgb=False, mean=[127.5] * 3, std=[60.0] * 3)}
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    load_weights(model, path)
    assert not warnings
    load_weights(Fed(crop_size=64, mean=[127.5] * 3, std=[60] * 3), path)
    assert 'other settings (crop_size=64 here, 32 there)' in warnings[0]
    load_weights(Fed(crop_size=32, mean=[0.0] * 3, std=[60] * 3), path)
    assert 'mean=[0.0, 0.0, 0.0] here, [127.5, 127.5, 127.5] there' in warnings[1]
    load_weights(Fed(crop_size=32, mean=[127.5] * 3, std=[60] * 3, to_rgb=True), path)
    assert '(to_rgb=True here, False there)' in warnings[2]


@pytest.mark.parametrize(
    ('value', 'shown'),
    [
        ('\x1b[2J', r"'\x1b[2J'"),
        (['a', [1]], "['a', [1]]"),
        (torch.zeros(2), 'tensor([0., 0.])'),
        ([0] * 99, '[0, 0, 0, 0, 0, 0, ...]'),
    ],
)
def test_odd_values_of_a_stranger_are_shown_in_short(tmp_path, warnings, value, shown):
    model = Fed(crop_size=32, mean=[127.5] * 3, std=[60] * 3)
    saved = dict(state_dict=model.state_dict(), meta={INPUT_META: dict(mean=value)})
    torch.save(saved, tmp_path / 'a.pth')
    load_weights(model, str(tmp_path / 'a.pth'))
    assert f'mean=[127.5, 127.5, 127.5] here, {shown} there' in warnings[0]


def test_shipped_models_tell_it_too(tmp_path, warnings):
    shipped = load_checkpoint(str(find_model('ran_r18-slim_ferplus')))
    model = Fed(crop_size=64, mean=[127.5] * 3, std=[127.5] * 3)
    torch.save(dict(state_dict=model.state_dict(), meta=shipped['meta']), tmp_path / 'a.pth')
    load_weights(model, str(tmp_path / 'a.pth'))
    assert 'crop_size=64 here, 96 there' in warnings[0]


def test_another_form_of_attention_is_warned_of(tmp_path, warnings):
    runner = tiny_runner(tmp_path, epochs=1)
    runner.model.data_preprocessor = RegionDataPreprocessor(crop_size=32)
    runner.model.neck = RANNeck(4, activation='sigmoid_softmax')
    saved = dict(state_dict=runner.model.state_dict())
    runner.call_hook('before_save_checkpoint', checkpoint=saved)
    torch.save(saved, path := str(tmp_path / 'a.pth'))
    load_weights(runner.model, path)
    assert not warnings
    runner.model.neck = RANNeck(4)
    load_weights(runner.model, path)
    assert "(activation='sigmoid' here, 'sigmoid_softmax' there)" in warnings[0]


def test_a_config_of_another_training_is_warned_of():
    config = str(ROOT / 'configs/ran/ran_r18_ferplus.py')
    weights = str(find_model('ran_r18_ferplus_scratch'))
    expected = "crop_size=224 here, 64 there; activation='sigmoid' here, 'sigmoid_softmax' there"
    with pytest.warns(UserWarning, match=expected):
        ModelFile.from_config(config, weights)
    with python_warnings.catch_warnings():
        python_warnings.simplefilter('error')
        ModelFile.from_config(config.replace('.py', '_scratch.py'), weights)


def test_a_config_of_another_order_of_colours_is_warned_of():
    cfg = Config.fromfile(ROOT / 'configs/ran/ran_r18_ferplus_scratch.py')
    cfg.data_preprocessor.to_rgb = False
    with pytest.warns(UserWarning, match='to_rgb=False here, True there'):
        ModelFile.from_config(cfg, str(find_model('ran_r18_ferplus_scratch')))
