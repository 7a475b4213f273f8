"""Programs of torch.export and compiled ones, run without the model's code."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from samples import batch
from test_deployment.test_onnx import Counting, build, config, save_model
from test_tools.conftest import ROOT, run_script

from ranfer.deployment import export_torch, fixed_boxes
from ranfer.deployment.torch_export import _inductor

try:
    inductor = _inductor()
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)


def arguments(data: dict) -> tuple[torch.Tensor, ...]:
    samples = data['data_samples']
    boxes = torch.stack([torch.as_tensor(sample.regions) for sample in samples]).float()
    return data['inputs'], boxes, torch.ones(boxes.shape[:2], dtype=torch.bool)


def scores_of(model, data: dict) -> np.ndarray:
    with torch.no_grad():
        return np.stack([sample.pred_score.numpy() for sample in model.test_step(data)])


@pytest.mark.parametrize('shared', [False, True], ids=['full', 'shared'])
def test_program_equals_the_model(shared, tmp_path):
    model, path = build(shared=shared), str(tmp_path / 'new' / 'model.pt2')
    assert export_torch(model, path, dict(classes=['a', 'b'])) < 1e-5
    extra = {'ranfer.json': ''}
    program = torch.export.load(path, extra_files=extra).module()
    assert json.loads(extra['ranfer.json']) == dict(classes=['a', 'b'], boxes=None)
    for data in (batch(3), batch(1, size=56)):
        found = program(*arguments(data))[1]
        np.testing.assert_allclose(found.detach(), scores_of(model, data), atol=1e-5)


def test_boxes_baked_in(tmp_path):
    model, path = build(kind='ImageClassifier').train(), str(tmp_path / 'model.pt2')
    export_torch(model, path, boxes=fixed_boxes(dict(type='FixedRegions')))
    assert all(part.training for part in model.modules())
    model.eval()
    data = batch(2)
    found = torch.export.load(path).module()(arguments(data)[0])[1]
    np.testing.assert_allclose(found.detach(), scores_of(model, data), atol=1e-5)


@pytest.mark.parametrize('number', [2, 6])
def test_models_of_fewer_regions_take_the_first_ones(number, tmp_path):
    values = config()
    values['data_preprocessor']['num_regions'] = number
    torch.manual_seed(0)
    model, path = MODELS.build(values).eval(), str(tmp_path / 'model.pt2')
    torch.nn.init.normal_(model.head.fc.weight, std=1)
    export_torch(model, path)
    images, boxes, mask = arguments(batch(2))
    program = torch.export.load(path).module()
    found = program(images, boxes, mask)[1]
    np.testing.assert_allclose(found.detach(), scores_of(model, batch(2)), atol=1e-5)
    more = torch.cat([boxes, boxes], dim=1), torch.ones(2, 12, dtype=torch.bool)
    torch.testing.assert_close(program(images, *more)[1], found)


@pytest.mark.skipif(shutil.which('g++') is None, reason='compiling needs g++')
def test_compiled_program_by_the_tool(tmp_path, capsys):
    save_model(tmp_path / 'model.pth', shared=True)
    tool, out = ROOT / 'tools/deployment/export_torch.py', tmp_path / 'model.pt2'
    run_script(tool, tmp_path / 'model.pth', out, '--compile')
    assert 'differ by at most' in capsys.readouterr().out
    program = inductor.aoti_load_package(str(out))
    assert json.loads(program.get_metadata()['ranfer'])['classes'] == list('abcdefg')
    assert program(*arguments(batch(2)))[1].shape == (2, 7)


class Deciding(torch.nn.Module):
    """A backbone whose way depends on the data."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (x if x.sum() > 0 else -x,)


def test_backbone_that_fixes_its_sizes_and_other_endings_are_one_sentence(tmp_path):
    model = build()
    model.backbone = Counting()
    with pytest.raises(ValueError, match=r'backbone fixes its sizes .*; export a'):
        export_torch(model, str(tmp_path / 'model.pt2'))
    model.backbone = Deciding()
    with pytest.raises(ValueError, match=r'torch\.export cannot trace the model \('):
        export_torch(model, str(tmp_path / 'model.pt2'))
    with pytest.raises(ValueError, match=r"must end in \.pt2, got 'model\.onnx'"):
        export_torch(model, 'model.onnx')


def test_old_pytorch_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delattr(inductor, 'aoti_compile_and_package')
    with pytest.raises(ImportError, match='need PyTorch 2.6 or newer, found .*pip install -U'):
        export_torch(build(), str(tmp_path / 'model.pt2'))
