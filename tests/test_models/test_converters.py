"""Checkpoints of the authors' release give the same logits here.

The other side is written from the description of their code: torchvision's ResNet-18, one call of
the backbone per region in a loop, the whole face last, softmax after the sigmoid, plain divisions.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmpretrain.registry import MODELS
from test_tools.conftest import run_tool
from torch import nn

from ranfer.engine import load_checkpoint
from ranfer.models import IResNet
from ranfer.models.converters import (
    iresnet_to_ranfer,
    official_to_ranfer,
    ranfer_to_official,
    resnet_to_ranfer,
    vgg_to_ranfer,
)

ROOT = Path(__file__).resolve().parents[2]


class LoopRAN(nn.Module):
    """Region by region, as the released code does it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        net = torchvision.models.resnet18()
        for name, child in net.named_children():
            if name != 'fc':
                setattr(self, name, child)
        self.alpha = nn.Sequential(nn.Linear(512, 1), nn.Sigmoid())
        self.beta = nn.Sequential(nn.Linear(1024, 1), nn.Sigmoid())
        self.fc = nn.Linear(1024, classes)

    def feature(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.avgpool(x).flatten(1)

    def forward(self, crops):  # (N, 3, H, W, R), whole face last
        features, alphas = [], []
        for i in range(crops.shape[-1]):
            f = self.feature(crops[..., i])
            features.append(f)
            alphas.append(self.alpha(f))
        vs = torch.stack(features, dim=2)
        alpha = torch.softmax(torch.stack(alphas, dim=2), dim=2)
        vm = (vs * alpha).sum(2) / alpha.sum(2)
        joined = [torch.cat([f, vm], dim=1) for f in features]
        beta = torch.softmax(torch.stack([self.beta(j) for j in joined], dim=2), dim=2)
        weight = alpha * beta
        descriptor = (torch.stack(joined, dim=2) * weight).sum(2) / weight.sum(2)
        return self.fc(descriptor)


@pytest.fixture(scope='module')
def loop_model():
    torch.manual_seed(0)
    model = LoopRAN(8)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


def build_ours():
    cfg = Config.fromfile(ROOT / 'configs/ran/ran_r18_official.py')
    cfg.model.data_preprocessor = cfg.data_preprocessor
    return MODELS.build(cfg.model).eval()


@pytest.mark.parametrize('batch', [1, 3])
def test_converted_checkpoint_gives_the_same_logits(loop_model, batch, tmp_path):
    state = {f'module.{key}': value for key, value in loop_model.state_dict().items()}
    source, target = tmp_path / 'official.pth.tar', tmp_path / 'new' / 'ranfer.pth'
    torch.save(dict(epoch=3, arch='resnet18', state_dict=state, best_prec1=85.0), source)
    run_tool('model_converters/ran_official_to_ranfer.py', source, target)
    ours = build_ours()
    ours.load_state_dict(load_checkpoint(str(target))['state_dict'])
    crops = torch.rand(batch, 6, 3, 64, 64)  # whole face first
    with torch.no_grad():
        expected = loop_model(crops.roll(-1, dims=1).permute(0, 2, 3, 4, 1))
        logits = ours(crops)
    assert expected.std() > 1e-3
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


def test_round_trip(loop_model, tmp_path):
    state = {f'module.{key}': value for key, value in loop_model.state_dict().items()}
    back = ranfer_to_official(official_to_ranfer(state))
    assert list(back) == list(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    source, target = tmp_path / 'ours.pth', tmp_path / 'official.pth'
    torch.save(dict(state_dict=official_to_ranfer(state)), source)
    run_tool('model_converters/ran_official_to_ranfer.py', source, target, '--to', 'official')
    assert set(load_checkpoint(str(target))['state_dict']) == set(state)


@pytest.mark.parametrize('prefix', ['', 'module.', 'module.encoder.'])
def test_face_backbone_leaves_its_classifier_behind(prefix, tmp_path, capsys):
    state = torchvision.models.resnet18(num_classes=5).state_dict()
    state = {prefix + key: value for key, value in state.items()}
    state[f'{prefix}feature.weight'] = torch.zeros(1)
    kept, left_out = resnet_to_ranfer(state)
    assert left_out == ['fc.weight', 'fc.bias', 'feature.weight']
    torch.save(dict(state_dict=state), tmp_path / 'r18.pth')
    run_tool(
        'model_converters/ran_official_to_ranfer.py', tmp_path / 'r18.pth', tmp_path / 'out.pth',
        '--kind', 'backbone',
    )  # fmt: skip
    assert 'left out: fc.weight, fc.bias, feature.weight' in capsys.readouterr().out
    result = build_ours().load_state_dict(kept, strict=False)
    assert not result.unexpected_keys
    assert all(not key.startswith('backbone.') for key in result.missing_keys)


def caffe_names(state: dict) -> dict:
    """Names of the Caffe release, for the convolutions of torchvision's VGG-16 in order."""
    names = [f'conv{b}_{i + 1}' for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(n)]
    pairs = [f'{name}.{kind}' for name in names for kind in ('weight', 'bias')]
    return dict(zip(pairs, state.values()))


@pytest.mark.parametrize('caffe', [False, True])
def test_vgg_face_gives_the_same_features(caffe, tmp_path, capsys):
    torch.manual_seed(0)
    layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs['D']).eval()
    state = layers.state_dict()
    if caffe:
        state = caffe_names(state) | {'fc6.weight': torch.zeros(1), 'fc8.bias': torch.zeros(1)}
        expected = 'left out: fc6.weight, fc8.bias'
    else:
        state = {f'module.features.{key}': value for key, value in state.items()}
        state |= {'module.classifier.0.weight': torch.zeros(1)}
        expected = 'left out: classifier.0.weight'
    torch.save(state, tmp_path / 'vgg.pth')
    run_tool(
        'model_converters/ran_official_to_ranfer.py', tmp_path / 'vgg.pth', tmp_path / 'out.pth',
        '--kind', 'backbone',
    )  # fmt: skip
    assert expected in capsys.readouterr().out
    cfg = Config.fromfile(ROOT / 'configs/ran/ran_vgg16_ferplus.py')
    backbone = MODELS.build(cfg.model.backbone)
    backbone.eval()
    converted = load_checkpoint(str(tmp_path / 'out.pth'))['state_dict']
    backbone.load_state_dict({k.removeprefix('backbone.'): v for k, v in converted.items()})
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone(image)[0], layers(image))


def iresnet_state(depth: int) -> dict:
    """What InsightFace stores: the backbone and the embedding."""
    torch.manual_seed(0)
    state = IResNet(depth).state_dict()
    return state | {
        'fc.weight': torch.zeros(1),
        'fc.bias': torch.zeros(1),
        'features.weight': torch.zeros(1),
    }


def test_arcface_gives_the_same_features(tmp_path, capsys):
    state = iresnet_state(18)
    torch.save({f'module.{key}': value for key, value in state.items()}, tmp_path / 'arcface.pth')
    run_tool(
        'model_converters/ran_official_to_ranfer.py', tmp_path / 'arcface.pth',
        tmp_path / 'ir18.pth', '--kind', 'backbone',
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert 'IResNet, depth=18' in printed
    assert 'left out: fc.weight, fc.bias, features.weight\n' in printed
    cfg = Config.fromfile(ROOT / 'configs/ran/ran_ir50_rafdb.py')
    cfg.model.backbone.depth = 18
    model = MODELS.build(cfg.model)
    converted = load_checkpoint(str(tmp_path / 'ir18.pth'))['state_dict']
    result = model.load_state_dict(converted, strict=False)
    assert not result.unexpected_keys
    assert not [key for key in result.missing_keys if key.startswith('backbone.')]
    assert all(torch.equal(value, state[key[9:]]) for key, value in converted.items())


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        ({'bn2.bias': None}, 'lacks bn2.bias of an IResNet'),
        ({'layer1.1.bn1.bias': torch.zeros(3)}, r'bn1.bias of the checkpoint has the shape \(3,\)'),
        ({'layer1.0.se.fc.weight': torch.zeros(1)}, 'layer1.0.se.fc.weight .* no block'),
        ({'layer1.2.prelu.weight': torch.zeros(64)}, r'has \(3, 2, 2, 2\) blocks'),
    ],
)
def test_other_iresnets_are_refused(change, sentence):
    state = {k: v for k, v in (iresnet_state(18) | change).items() if v is not None}
    with pytest.raises(ValueError, match=sentence):
        iresnet_to_ranfer(state)


def test_old_checkpoints_count_no_batches():
    state = {k: v for k, v in iresnet_state(18).items() if 'num_batches' not in k}
    assert len(iresnet_to_ranfer(state)[0]) == len(state) - 3


@pytest.mark.parametrize(
    ('convert', 'state', 'sentence'),
    [
        (official_to_ranfer, {'conv1.weight': torch.zeros(1)}, 'lacks alpha.0.weight, beta'),
        (official_to_ranfer, {'transformer.weight': torch.zeros(1)}, 'belongs to no RAN'),
        (ranfer_to_official, {'neck.other': torch.zeros(1)}, 'has no counterpart'),
        (ranfer_to_official, {'backbone.backbone.conv1.weight': torch.zeros(1)}, 'no counterpart'),
        (
            ranfer_to_official,
            {'neck.attention.weight': torch.zeros(1)},
            'lacks neck.attention.bias',
        ),
        (resnet_to_ranfer, {'features.0.weight': torch.zeros(1)}, 'no torchvision-style ResNet'),
        (
            iresnet_to_ranfer,
            {'layer1.0.prelu.weight': torch.zeros(1)},
            r'has \(1, 0, 0, 0\) blocks',
        ),
        (resnet_to_ranfer, {'conv1.weight': torch.zeros(64, 3, 3, 3)}, r'shape \(3, 3, 3\)'),
        (
            resnet_to_ranfer,
            {'conv1.weight': torch.zeros(64, 3, 7, 7), 'layer1.0.se.fc1.weight': torch.zeros(1)},
            r'layer1\.0\.se\.fc1\.weight .* belongs to no block of a torchvision-style ResNet',
        ),
        (
            resnet_to_ranfer,
            {
                'module.fc.weight': torch.zeros(1),
                'backbone.fc.weight': torch.ones(1),
                'model.conv1.weight': torch.zeros(64, 3, 7, 7),
                'module.encoder.conv1.weight': torch.ones(64, 3, 7, 7),
            },
            r'several nets \(model\.conv1\.weight and module\.encoder\.conv1\.weight\)',
        ),
        (vgg_to_ranfer, {'features.1.weight': torch.zeros(1)}, 'no convolution of VGG-16'),
        (vgg_to_ranfer, {'features.0.weight': torch.zeros(1)}, 'no convolution of VGG-16'),
        (vgg_to_ranfer, {'features.40.bias': torch.zeros(1)}, 'no convolution of VGG-16'),
        (vgg_to_ranfer, {'conv1_1.bias': torch.zeros(1)}, r'lacks conv1_1\.weight of VGG-16'),
    ],
)
def test_other_checkpoints_are_refused(convert, state, sentence):
    with pytest.raises(ValueError, match=sentence):
        convert(state)


@pytest.mark.parametrize(
    'content',
    [dict(state_dict=None), {'conv1.weight': 3}, {0: torch.zeros(1)}],
    ids=['no dict', 'no tensor', 'no name'],
)
def test_a_checkpoint_without_weights_is_one_sentence(content, tmp_path, capsys):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(SystemExit):
        run_tool(
            'model_converters/ran_official_to_ranfer.py', tmp_path / 'odd.pth', tmp_path / 'o.pth',
            '--kind', 'backbone',
        )  # fmt: skip
    assert 'holds no state_dict that maps names to tensors' in capsys.readouterr().err


def test_a_backbone_has_no_official_form(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool(
            'model_converters/ran_official_to_ranfer.py', 'a.pth', tmp_path / 'o.pth',
            '--kind', 'backbone', '--to', 'official',
        )  # fmt: skip
    assert 'use --kind ran' in capsys.readouterr().err
