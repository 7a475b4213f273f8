"""Models as data: saved, loaded, built, and refused."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from ranfer.apis import FERInferencer, ModelFile
from ranfer.engine.model_input import INPUT_META

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize('name', ['mine.bin', 'mine'])
def test_a_model_file_of_any_name_in_the_current_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    tiny.model_file().save(name)
    assert FERInferencer(name, device='cpu').classes == tiny.CLASSES
    with pytest.raises(FileNotFoundError, match="Model 'other.bin' is neither a file nor shipped"):
        FERInferencer('other.bin', device='cpu')


def test_model_file_round_trip(tmp_path):
    model = tiny.model_file(grey=True, margin=0.1)
    model.save(tmp_path / 'a.pth')
    loaded = ModelFile.load(tmp_path / 'a.pth')
    for key in ('classes', 'regions', 'seed', 'face', 'dataset'):
        assert getattr(loaded, key) == getattr(model, key)
    a = tiny.inferencer(model=model)(IMAGE, progress=False)[0].faces[0]
    b = tiny.inferencer(model=str(tmp_path / 'a.pth'))(IMAGE, progress=False)[0].faces[0]
    # half precision keeps 11 bits: 5e-4 of each weight
    assert list(a.probabilities.values()) == pytest.approx(list(b.probabilities.values()), abs=2e-3)


@pytest.mark.parametrize(
    'name', ['os.system', 'subprocess.Popen', 'builtins.eval', 'torch.load', 3]
)
def test_model_file_runs_no_code(tmp_path, name):
    model = tiny.model_file()
    model.model['neck'] = dict(type=name, args='true')
    model.save(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='not registered'):
        FERInferencer(str(tmp_path / 'a.pth'), device='cpu')


def test_model_file_fetches_nothing(tmp_path):
    model = tiny.model_file()
    model.model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint='https://nowhere/a')
    model.save(tmp_path / 'a.pth')
    ModelFile.load(tmp_path / 'a.pth').build()


def test_model_file_errors(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        FERInferencer(str(tmp_path / 'none.pth'))
    torch.save(dict(state_dict={}), tmp_path / 'plain.pth')
    with pytest.raises(ValueError, match='publish_model'):
        FERInferencer(str(tmp_path / 'plain.pth'))
    model = tiny.model_file()
    with pytest.raises(ValueError, match='weights do not fit'):
        replace(model, state_dict={}).build()
    big = replace(model, state_dict={'a': torch.full((1,), 1e6)})
    with pytest.raises(ValueError, match='keep it in float32'):
        big.save(tmp_path / 'b.pth')
    monkeypatch.setattr('ranfer.apis.model_file.WEIGHTS', tmp_path / 'nothing')
    with pytest.raises(FileNotFoundError, match='No weights are shipped'):
        FERInferencer()
    assert FERInferencer.list_models() == []


def test_shipped_models(tmp_path, monkeypatch):
    monkeypatch.setattr('ranfer.apis.model_file.WEIGHTS', tmp_path)
    monkeypatch.setattr('ranfer.apis.model_file.DEFAULT_MODEL', 'b')
    tiny.model_file(grey=True).save(tmp_path / 'b.pth')
    tiny.model_file().save(tmp_path / 'a.pth')
    assert FERInferencer.list_models() == ['b', 'a']
    assert FERInferencer(device='cpu').face_input.grey
    assert not FERInferencer('a', device='cpu').face_input.grey
    assert FERInferencer.list_models('b*') == ['b']
    with pytest.raises(FileNotFoundError, match='the shipped ones are b, a'):
        FERInferencer('c')


def test_config_and_checkpoint(tmp_path):
    config = tmp_path / 'a.py'
    pipeline = [dict(type='ranfer.RegionCropTransform', strategy=dict(type='GridRegions'), seed=3)]
    data = dict(dataset=dict(type='ranfer.FERPlus', pipeline=pipeline))
    config.write_text(f'model = {tiny.model_config()!r}\ntest_dataloader = {data!r}\n')
    weights = tiny.model_file().state_dict
    meta = {'dataset_meta': dict(classes=tiny.CLASSES), INPUT_META: dict(crop_size=32)}
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'a.pth')
    model = ModelFile.from_config(str(config), str(tmp_path / 'a.pth'))
    assert (model.regions, model.seed) == (dict(type='GridRegions'), 3)
    assert model.classes == tiny.CLASSES
    assert model.face.grey
    infer = FERInferencer(config, tmp_path / 'a.pth', device='cpu', faces='whole')
    assert len(infer(IMAGE, progress=False)[0].faces[0].regions) == 5
    pipeline[0]['crop_size'] = 24  # the crops of the training, whatever the preprocessor says
    config.write_text(f'model = {tiny.model_config()!r}\ntest_dataloader = {data!r}\n')
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # the preprocessor's size was that of the training too
        model = ModelFile.from_config(str(config), str(tmp_path / 'a.pth'))
    assert model.model['data_preprocessor']['crop_size'] == 24
    config.write_text(f'model = {tiny.model_config()!r}\n')
    with pytest.raises(ValueError, match='has no test_dataloader'):
        ModelFile.from_config(str(config), str(tmp_path / 'a.pth'))
    config.write_text(
        f'model = {tiny.model_config()!r}\n'
        "test_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[]))\n"
    )
    with pytest.raises(ValueError, match='is a ConcatDataset without a pipeline'):
        ModelFile.from_config(str(config), str(tmp_path / 'a.pth'))


def test_weights_of_another_width_or_without_a_value_are_one_sentence():
    model = tiny.model_file()
    name = next(name for name, value in model.state_dict.items() if value.dim() == 4)
    for value, sentence in (
        (torch.zeros(1, 1, 1, 1), f'do not fit the model .size mismatch for {name}'),
        (torch.full_like(model.state_dict[name], torch.nan), f'not finite .{name}.: its training'),
    ):
        other = replace(model, state_dict={**model.state_dict, name: value})
        with pytest.raises(ValueError, match=sentence):
            other.build()


def test_a_file_that_could_not_be_loaded_is_not_written(tmp_path):
    (tmp_path / 'a.pth').write_text('an older one')
    with pytest.raises(ValueError, match=r'face\.margin 5, expected a number in'):
        tiny.model_file(margin=5).save(tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').read_text() == 'an older one'
