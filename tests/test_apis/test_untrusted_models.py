"""Model files of strangers: plain values are checked, and nothing is fetched or unpickled."""

from __future__ import annotations

import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import tiny
import torch
from mmpretrain.registry import MODELS

from ranfer.apis import ModelFile
from ranfer.apis.checks import check_types, check_weights, reaches_out
from ranfer.apis.classifier import FacePreparer
from ranfer.engine.model_input import MODEL_META


@pytest.fixture(scope='module')
def saved(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp('model') / 'm.pth'
    tiny.model_file().save(path)
    return torch.load(path, weights_only=True)


def load(saved: dict, path, **values) -> ModelFile:
    """Load the file with other values; ``face__size`` is one of the face, ``None`` leaves out."""
    meta = dict(saved['meta'][MODEL_META], face=dict(saved['meta'][MODEL_META]['face']))
    for key, value in values.items():
        owner, _, inner = key.partition('__')
        target, name = (meta[owner], inner) if inner else (meta, owner)
        target[name] = value
        if value is None:
            del target[name]
    torch.save(dict(meta={MODEL_META: meta}, state_dict=saved['state_dict']), path)
    return ModelFile.load(path)


WRONG = {
    'no model': (dict(model=None), 'has no model, expected a config'),
    'model is a text': (dict(model='ResNet'), "model 'ResNet', expected a config with a type"),
    'classes are a number': (dict(classes=7), 'classes 7, expected a list of up to 1000 different'),
    'too many classes': (dict(classes=[*map(str, range(1001))]), 'expected a list of up to 1000'),
    'class is no text': (dict(classes=['a', 1]), 'expected a list of up to 1000 different'),
    'class twice': (dict(classes=['a', 'b', 'a']), "a'], expected a list of up to 1000 different"),
    'class that clears the screen': (dict(classes=['a\x1b[2J']), 'expected a list of up to 1000'),
    'class of two lines': (dict(classes=['a\u2028b']), 'expected a list of up to 1000 different'),
    'class is no UTF-8': (dict(classes=['a\udce9']), 'expected a list of up to 1000 different'),
    'no regions': (dict(regions=[]), r'regions \[\], expected a config'),
    'negative seed': (dict(seed=-1), 'seed -1, expected a number of at least 0'),
    'seed is true': (dict(seed=True), 'seed True, expected'),
    'face is a list': (dict(face=[1]), r'face \[1\], expected a mapping'),
    'huge face': (dict(face__size=10**9), 'face.size 1000000000, expected 1 to 1024 pixels'),
    'face of no pixel': (dict(face__size=0), 'face.size 0, expected'),
    'margin is not a number': (dict(face__margin=float('nan')), 'face.margin nan, expected'),
    'shift is a text': (dict(face__shift='up'), "face.shift 'up', expected a number"),
    'unknown entry of the face': (dict(face__colour=1), "the entry 'colour', expected size"),
    'unknown entry': (dict(hook='x'), "the entry 'hook', expected version, model"),
    'other version': (dict(version=2), 'version 2, expected 1'),
    'data set is a list': (dict(dataset=['a']), r"dataset \['a'\], expected a name"),
}


@pytest.mark.parametrize('case', WRONG)
def test_wrong_value_is_one_sentence(saved, tmp_path, case):
    values, sentence = WRONG[case]
    with pytest.raises(ValueError, match=sentence) as error:
        load(saved, tmp_path / 'm.pth', **values)
    assert str(error.value).startswith('Model file ')
    assert 'make it with tools/model_converters/publish_model.py' in str(error.value)


def test_class_names_of_any_script(saved, tmp_path):
    names = ['joy', 'Überraschung', '喜び', 'خوشحالی\u200cها', 'fear & anger']
    assert load(saved, tmp_path / 'm.pth', classes=names).classes == tuple(names)


@pytest.mark.parametrize('meta', [None, [], {MODEL_META: None}, 'text'])
def test_checkpoint_without_a_description(saved, tmp_path, meta):
    torch.save(dict(meta=meta, state_dict={}), tmp_path / 'm.pth')
    with pytest.raises(ValueError, match='is a checkpoint without the config of its model'):
        ModelFile.load(tmp_path / 'm.pth')


@pytest.mark.parametrize(
    ('weights', 'sentence'),
    [
        (None, 'no state_dict, expected'),
        ([torch.ones(1)], 'no state_dict, expected'),
        ({'a': 1}, '1 in its state_dict, expected names with tensors'),
        ({'a': torch.ones(1).expand(10**12)}, "the weight 'a' larger than what is stored"),
    ],
)
def test_wrong_weights(saved, tmp_path, weights, sentence):
    torch.save(dict(meta=saved['meta'], state_dict=weights), tmp_path / 'm.pth')
    with pytest.raises(ValueError, match=sentence):
        ModelFile.load(tmp_path / 'm.pth')


@pytest.mark.parametrize(
    'name', ['HuggingFaceClassifier', 'TimmClassifier', 'ImageToImageRetriever']
)
def test_components_that_fetch_models_are_refused(name):
    assert reaches_out(MODELS.get(name))
    with pytest.raises(ValueError, match='not registered, or fetches models from elsewhere'):
        check_types(dict(type=name, model_name='some/model', trust_remote_code=True))


@pytest.mark.parametrize('value', ['hf_hub:some/model', 'https://nowhere/a', ['local-dir:/etc']])
def test_places_are_refused(value):
    with pytest.raises(ValueError, match='The model names the place'):
        check_types(dict(type='TIMMBackbone', model_name=value))


def test_regions_of_a_file_are_registered_components(saved, tmp_path):
    with pytest.raises(ValueError, match=r"names the component 'os\.system'"):
        load(saved, tmp_path / 'm.pth', regions=dict(type='os.system', command='true'))


def test_weights_from_elsewhere_are_left_out(monkeypatch):
    """A model trained from torchvision's weights builds without them."""
    model = tiny.model_file()
    built = []
    monkeypatch.setattr(type(MODELS), 'build', lambda self, config: built.append(config))
    model.model['backbone'].update(weights='DEFAULT', checkpoint_path='/etc/x', pretrained=True)
    with pytest.raises(AttributeError):  # None is no model
        model.build()
    assert not {'weights', 'checkpoint_path', 'pretrained'} & set(built[0]['backbone'])


def test_compressed_file_is_refused(tmp_path):
    """PyTorch would unpack it: a kilobyte for each byte of the file."""
    torch.save(dict(state_dict=dict(a=torch.zeros(1 << 20))), tmp_path / 'm.pth')
    with (
        zipfile.ZipFile(tmp_path / 'm.pth') as plain,
        zipfile.ZipFile(tmp_path / 'packed.pth', 'w', zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    assert os.path.getsize(tmp_path / 'packed.pth') < 20_000
    with pytest.raises(ValueError, match='it unpacks to more than it weighs'):
        ModelFile.load(tmp_path / 'packed.pth')


def test_program_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'm.pth', 'w') as archive:
        for name in ('m/data.pkl', 'm/constants.pkl', 'm/code/__torch__.py', 'm/version'):
            archive.writestr(name, b'1')
    with pytest.raises(ValueError, match='could run code .found GLOBAL TorchScript'):
        ModelFile.load(tmp_path / 'm.pth')


@pytest.mark.parametrize('name', ['stranger.run', 'builtins.print', 'os.system'])
def test_names_under_other_keys_import_and_call_nothing(tmp_path, monkeypatch, name):
    """MMCV's layers look up names that stand under keys such as ``conv_type``."""
    (tmp_path / 'stranger.py').write_text('raise SystemExit("it ran")')
    monkeypatch.syspath_prepend(tmp_path)
    model = tiny.model_file()
    patches = dict(type='SwinTransformer', arch='tiny', patch_cfg=dict(conv_type=name))
    model.model['backbone'] = patches
    with pytest.raises(ValueError, match='cannot be built from its config'):
        model.build()


def test_a_scope_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / 'stranger').mkdir()
    (tmp_path / 'stranger/__init__.py').touch()
    (tmp_path / 'stranger/registry.py').write_text('raise SystemExit("it ran")')
    monkeypatch.syspath_prepend(tmp_path)
    model = tiny.model_file()
    model.model['neck']['_scope_'] = 'stranger'
    with pytest.raises(ValueError, match="the key _scope_ .'stranger'., by which it would import"):
        model.build()


def special_tensors() -> dict[str, torch.Tensor]:
    return {
        'sparse': torch.ones(3, 3).to_sparse(),
        'meta': torch.empty(3, device='meta'),
        'complex': torch.ones(3, dtype=torch.complex64),
        'quantised': torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    }


@pytest.mark.parametrize('kind', special_tensors())
def test_weights_of_special_kinds_are_refused(kind):
    with pytest.raises(ValueError, match="the weight 'a' of a special kind, expected plain"):
        check_weights({'a': special_tensors()[kind]}, 'm.pth')


def test_methods_of_a_stranger_s_mapping_hide_nothing(saved, tmp_path):
    """The restricted unpickler gives an ``OrderedDict`` whatever attributes a file names."""
    regions = OrderedDict(
        type='RegionDropout', keep=1, strategy=dict(type='os.system', command='false')
    )
    regions.values = OrderedDict
    with pytest.raises(ValueError, match=r"names the component 'os\.system'"):
        load(saved, tmp_path / 'm.pth', regions=regions)


def test_arrays_hide_no_configs(saved, tmp_path, monkeypatch):
    model = dict(tiny.model_config(), extra=np.array([dict(type='os.system')], dtype=object))
    monkeypatch.setattr(
        'ranfer.apis.model_file.load_checkpoint',
        lambda *_, **__: dict(meta={MODEL_META: dict(saved['meta'][MODEL_META], model=model)}),
    )
    with pytest.raises(ValueError, match='describes its model by more than plain values'):
        ModelFile.load(tmp_path / 'm.pth')


def test_regions_are_built_from_what_is_registered_alone(monkeypatch):
    monkeypatch.setattr('ranfer.apis.classifier.check_types', lambda config: None)
    with pytest.raises(RuntimeError, match=r'Failed to get os\.getcwd'):
        FacePreparer(dict(type='RegionDropout', keep=1, strategy=dict(type='os.getcwd')), 0)


@pytest.mark.parametrize('name', ['VQAGenerationHead', 'CLIPGenerator'])
def test_components_that_read_files_are_refused(name):
    with pytest.raises(ValueError, match='fetches models from elsewhere'):
        check_types(dict(type=name, answer_list_path='a.pkl', tokenizer_path='a.pkl'))
