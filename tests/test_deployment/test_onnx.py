"""Export, ONNX Runtime and int8 on tiny models."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from samples import batch, landmarks
from test_tools.conftest import ROOT, run_script

from ranfer.apis import FaceInput, ModelFile
from ranfer.deployment import ExportableRAN, ORTModel, export_onnx, fixed_boxes, quantize_onnx
from ranfer.models import RANNeck

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

RESNET = dict(type='ResNet', depth=18, base_channels=8, num_stages=4, out_indices=(3,))
SHARED = dict(type='ranfer.SharedRegionBackbone', backbone=RESNET, split_stage=2, roi_size=4)


def config(shared: bool = False, kind: str = 'ranfer.RANClassifier') -> dict:
    stock = kind != 'ranfer.RANClassifier'
    return dict(
        type=kind,
        backbone=SHARED if shared else RESNET,
        neck=dict(type='ranfer.RANNeck', in_channels=64, num_regions=6 if stock else None),
        head=dict(type='ranfer.RelationAttentionHead', num_classes=7, in_channels=64),
        data_preprocessor=dict(
            type='ranfer.RegionDataPreprocessor',
            crop=not shared,
            crop_size=32,
            with_mask=not stock,
            mean=[127.0, 120.0, 110.0],
            std=[64.0, 60.0, 58.0],
            to_rgb=True,
        ),
    )


def build(**keys):
    torch.manual_seed(0)
    model = MODELS.build(config(**keys))
    torch.nn.init.normal_(model.head.fc.weight, std=1)
    model.eval()
    return model


def save_model(path, **keys) -> None:
    """A model file of :func:`build`, whole in float32."""
    ModelFile(
        model=config(**keys),
        classes=tuple('abcdefg'),
        regions=dict(type='FixedRegions'),
        seed=0,
        face=FaceInput(size=40),
        dataset='',
        state_dict=build(**keys).state_dict(),
    ).save(path, torch.float32)


POINTS = [(10, 10, 1), (30, 10, 1), (20, 20, 0), (12, 30, 1), (28, 30, 0)]


@pytest.mark.parametrize('shared', [False, True], ids=['full', 'shared'])
def test_onnx_runtime_equals_the_model(shared, tmp_path):
    model, path = build(shared=shared), str(tmp_path / 'new' / 'model.onnx')
    assert export_onnx(model, path, dict(classes=['a', 'b'])) < 1e-4
    runtime = ORTModel(path)
    assert runtime.metadata == dict(classes=['a', 'b'], boxes=None)
    for data in (
        batch(3),
        batch(1, size=56),
        batch(2, strategy=dict(type='LandmarkRegions'), gt_keypoints=landmarks(*POINTS)),
    ):
        found = runtime.run(runtime.inputs_of(data))
        with torch.no_grad():
            expected = model.test_step(data)
        for i, sample in enumerate(expected):
            np.testing.assert_allclose(found['scores'][i], sample.pred_score, atol=1e-5)
            np.testing.assert_allclose(found['region_weights'][i], sample.region_weights, atol=1e-5)
            mask = sample.region_mask
            np.testing.assert_allclose(
                found['self_weights'][i][mask], sample.self_weights[mask], atol=1e-5
            )


def test_images_of_several_sizes_are_one_sentence(tmp_path):
    path = str(tmp_path / 'model.onnx')
    export_onnx(build(), path)
    small, large = batch(1), batch(1, size=56)
    mixed = {key: [*small[key], *large[key]] for key in ('inputs', 'data_samples')}
    with pytest.raises(ValueError, match='Images of a batch differ in height and width'):
        ORTModel(path).inputs_of(mixed)


@pytest.mark.parametrize('bias', [-15.0, -200.0])
def test_small_self_weights_keep_their_ratio(bias, tmp_path):
    model, path = build(), str(tmp_path / 'model.onnx')
    model.neck.attention = torch.nn.Linear(64, 1)
    torch.nn.init.normal_(model.neck.attention.weight)
    torch.nn.init.constant_(model.neck.attention.bias, bias)
    assert export_onnx(model, path) < 1e-5
    runtime = ORTModel(path)
    found = runtime.run(runtime.inputs_of(batch(2)))
    with torch.no_grad():
        expected = model.test_step(batch(2))
    for i, sample in enumerate(expected):
        np.testing.assert_allclose(found['region_weights'][i], sample.region_weights, atol=1e-5)


@pytest.mark.parametrize('shared', [False, True], ids=['full', 'shared'])
def test_no_face_has_no_scores(shared, tmp_path):
    model, path = build(shared=shared), str(tmp_path / 'model.onnx')
    inputs = dict(
        images=torch.zeros(0, 3, 40, 40, dtype=torch.uint8),
        boxes=torch.zeros(0, 4, 4),
        mask=torch.zeros(0, 4, dtype=torch.bool),
    )
    logits, *_, weights = ExportableRAN(model)(*inputs.values())
    assert logits.shape == (0, 7) and weights.shape == (0, 4)
    export_onnx(model, path)
    found = ORTModel(path).run({name: value.numpy() for name, value in inputs.items()})
    assert found['scores'].shape == (0, 7) and found['region_weights'].shape == (0, 4)


@pytest.mark.parametrize('shared', [False, True], ids=['full', 'shared'])
def test_as_many_images_as_boxes(shared):
    images, boxes = torch.zeros(2, 3, 40, 40, dtype=torch.uint8), torch.zeros(3, 4, 4)
    with pytest.raises(RuntimeError, match='Sizes of tensors must match'):
        ExportableRAN(build(shared=shared))(images, boxes, torch.ones(3, 4, dtype=torch.bool))


@pytest.mark.filterwarnings('error:ONNX export for RoIAlign')
def test_the_export_does_not_warn_of_what_changes_nothing(tmp_path):
    export_onnx(build(), str(tmp_path / 'model.onnx'))


def test_the_model_of_the_caller_stays_as_it_is(tmp_path):
    model = build().train()
    export_onnx(model, str(tmp_path / 'model.onnx'))
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize('kind', ['ranfer.RANClassifier', 'ImageClassifier'])
def test_boxes_baked_in(kind, tmp_path):
    model, path = build(kind=kind), str(tmp_path / 'model.onnx')
    export_onnx(model, path, boxes=fixed_boxes(dict(type='FixedRegions')))
    runtime = ORTModel(path)
    assert runtime.fixed
    assert np.shape(runtime.metadata['boxes']) == (6, 4)
    data = batch(2)
    scores = runtime.run(runtime.inputs_of(data))['scores']
    with torch.no_grad():
        expected = model.test_step(data)
    for found, sample in zip(scores, expected):
        np.testing.assert_allclose(found, sample.pred_score, atol=1e-5)
    with pytest.raises(ValueError, match=r'ONNX Runtime cannot run .*model\.onnx on this'):
        runtime.run(dict(images=np.zeros((1, 3, 8, 8), np.uint8), boxes=np.zeros((1, 6, 4))))


def test_int8_keeps_inputs_metadata_and_most_of_the_scores(tmp_path):
    path, small = str(tmp_path / 'model.onnx'), str(tmp_path / 'int8.onnx')
    export_onnx(build(), path, dict(classes=['a']))
    full = ORTModel(path)
    quantize_onnx(path, small, [full.inputs_of(batch(8))])
    quantised = ORTModel(small)
    assert quantised.metadata == full.metadata
    scores = [m.run(m.inputs_of(batch(8)))['scores'] for m in (full, quantised)]
    assert np.abs(scores[0] - scores[1]).max() < 0.1


@pytest.mark.parametrize('shared', [False, True])
def test_int8_keeps_the_attention_in_float32(shared, tmp_path):
    """Calibrated with an absent region, whose weight has a logarithm near that of 0, the weights
    still follow those of float32; a tenth, for the features come from int8."""
    path, small = str(tmp_path / 'model.onnx'), str(tmp_path / 'int8.onnx')
    model = build(shared=shared)
    for layer in (model.neck.attention, model.head.attention):
        torch.nn.init.normal_(layer.weight, std=20)
    export_onnx(model, path, dict(classes=['a']))
    full = ORTModel(path)
    inputs = full.inputs_of(batch(8))
    absent = dict(inputs, mask=inputs['mask'].copy())
    absent['mask'][:, 2] = False
    quantize_onnx(path, small, [inputs, absent])
    for values in (inputs, absent):
        expected, found = (m.run(values)['region_weights'] for m in (full, ORTModel(small)))
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(found, expected, atol=0.1)
        assert np.ptp(expected, axis=1).max() > 0.2
    assert (found[:, 2] == 0).all()


@pytest.mark.parametrize('baked', [False, True])
def test_models_of_fewer_regions_take_the_first_ones(baked, tmp_path):
    values = config()
    values['data_preprocessor']['num_regions'] = 3
    torch.manual_seed(0)
    model, path = MODELS.build(values).eval(), str(tmp_path / 'model.onnx')
    torch.nn.init.normal_(model.head.fc.weight, std=1)
    export_onnx(model, path, boxes=fixed_boxes(dict(type='FixedRegions')) if baked else None)
    runtime = ORTModel(path)
    found = runtime.run(runtime.inputs_of(batch(2)))
    with torch.no_grad():
        expected = model.test_step(batch(2))
    for i, sample in enumerate(expected):
        np.testing.assert_allclose(found['scores'][i], sample.pred_score, atol=1e-5)
        np.testing.assert_allclose(found['region_weights'][i], sample.region_weights, atol=1e-5)


class Counting(torch.nn.Module):
    """A backbone that a trace fixes to the number of crops it sees."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (x.mean(dim=(1, 2, 3))[:, None] * torch.ones(int(x.shape[0]), 64),)


def test_backbone_that_fixes_its_sizes_is_one_sentence(tmp_path):
    model = build()
    model.backbone = Counting()
    with pytest.raises(ValueError, match=r'refuses a batch of .*; export a backbone of convolut'):
        export_onnx(model, str(tmp_path / 'model.onnx'))


def test_not_a_number_is_a_difference(tmp_path):
    model = build()
    torch.nn.init.constant_(model.head.fc.bias, torch.nan)
    with pytest.raises(ValueError, match='differs from PyTorch by inf'):
        export_onnx(model, str(tmp_path / 'model.onnx'))


def test_a_failed_export_leaves_the_former_file(tmp_path):
    model, path, small = build(), tmp_path / 'model.onnx', tmp_path / 'int8.onnx'
    export_onnx(model, str(path))
    runtime = ORTModel(str(path))
    quantize_onnx(str(path), str(small), [runtime.inputs_of(batch(4))])
    before, before_small = path.read_bytes(), small.read_bytes()
    torch.nn.init.constant_(model.head.fc.bias, torch.nan)
    with pytest.raises(ValueError, match='differs from PyTorch by inf'):
        export_onnx(model, str(path))
    with pytest.raises(ValueError, match='is no ONNX file of ranfer'):  # quantised twice
        quantize_onnx(str(small), str(small), [runtime.inputs_of(batch(4))])
    assert path.read_bytes() == before and small.read_bytes() == before_small
    assert {file.name for file in tmp_path.iterdir()} == {'model.onnx', 'int8.onnx'}


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_models_of_another_precision_are_exported_in_float32(dtype, tmp_path):
    path = str(tmp_path / 'model.onnx')
    assert export_onnx(build().to(dtype), path) < 1e-4
    found = ORTModel(path).run(ORTModel(path).inputs_of(batch(2)))
    with torch.no_grad():
        expected = build().test_step(batch(2))
    for scores, sample in zip(found['scores'], expected):
        np.testing.assert_allclose(scores, sample.pred_score, atol=0.01)


class Doubling(RANNeck):
    """A neck whose forward does more than RANNeck's."""

    def forward(self, feats, region_mask=None, num_regions=None):
        out = super().forward(feats, region_mask, num_regions)
        return out._replace(features=2 * out.features)


def test_a_forward_that_would_be_left_out_is_refused():
    values = config()
    values['neck']['type'] = Doubling
    with pytest.raises(ValueError, match='Doubling has a forward of its own, .* whose neck is'):
        ExportableRAN(MODELS.build(values))


@pytest.mark.parametrize('boxes', [np.zeros((0, 4)), np.zeros((2, 3)), [[0, 0, np.nan, 1]]])
def test_baked_boxes_must_be_boxes(boxes, tmp_path):
    with pytest.raises(ValueError, match=r'FixedRegions\.boxes must'):
        export_onnx(build(), str(tmp_path / 'model.onnx'), boxes=boxes)


def test_a_file_of_other_inputs_and_outputs_is_none_of_ranfer(tmp_path):
    onnx = pytest.importorskip('onnx')
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3]) for name in 'xy'
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Relu', ['x'], ['y'])], 'other', values[:1], values[1:]
    )
    opset = onnx.helper.make_opsetid('', 17)
    proto = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    proto.metadata_props.add(key='ranfer', value='{}')
    onnx.save(proto, tmp_path / 'other.onnx')
    with pytest.raises(ValueError, match=r"no ONNX file of ranfer \(it makes \['y'\] of \['x'\]"):
        ORTModel(str(tmp_path / 'other.onnx'))


def test_refuses_random_regions_other_models_and_other_files(tmp_path):
    with pytest.raises(ValueError, match='RandomRegions differ from image to image'):
        fixed_boxes(dict(type='RandomRegions'))
    plain = MODELS.build(dict(type='ImageClassifier', backbone=RESNET))
    with pytest.raises(ValueError, match=r'data_preprocessor of the model is ClsDataPreprocessor'):
        ExportableRAN(plain)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        ORTModel(str(tmp_path / 'none.onnx'))
    (tmp_path / 'bad.onnx').write_bytes(b'no model')
    with pytest.raises(ValueError, match='no ONNX file of ranfer'):
        ORTModel(str(tmp_path / 'bad.onnx'))


@pytest.mark.parametrize('module', ['onnx', 'onnxruntime'])
def test_missing_dependency_names_the_command(module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match='pip install onnx onnxruntime'):
        export_onnx(build(), str(tmp_path / 'model.onnx'))


def test_tools_export_and_quantise(tmp_path, capsys):
    save_model(tmp_path / 'model.pth')
    folder = tmp_path / 'faces' / 'deep'
    folder.mkdir(parents=True)
    for i, suffix in enumerate(['png'] * 4 + ['tif']):
        image = np.random.default_rng(i).integers(0, 256, (50, 50, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{i}.{suffix}'), image)
    (folder / '._0.png').write_bytes(b'of macOS')
    full, small = tmp_path / 'model.onnx', tmp_path / 'int8.onnx'
    tools = ROOT / 'tools' / 'deployment'
    run_script(tools / 'export_onnx.py', tmp_path / 'model.pth', full)
    run_script(tools / 'quantize_onnx.py', full, small, tmp_path / 'faces')
    printed = capsys.readouterr().out
    assert 'differ by at most' in printed
    assert 'int8 and float32 agree on' in printed and '% of 5.' in printed
    assert ORTModel(str(small)).metadata['face'] == dict(
        size=40, margin=0.0, grey=False, align=False, shift=0.0
    )
    with pytest.raises(SystemExit):
        run_script(tools / 'export_onnx.py', 'config.py', full)
    assert 'A config needs --checkpoint' in capsys.readouterr().err
    before = full.read_bytes()
    for words, sentence in (
        (('export_onnx.py', tmp_path / 'model.pth', tmp_path / 'model.pth'), 'must end in .onnx'),
        (('quantize_onnx.py', full, full, tmp_path / 'faces'), 'is an input itself'),
        (('export_onnx.py', 'no_model', full), "Model 'no_model' is neither a file nor shipped"),
        (('export_torch.py', small, small), 'is an input itself'),
    ):
        with pytest.raises(SystemExit):
            run_script(tools / words[0], *words[1:])
        assert sentence in capsys.readouterr().err
    assert full.read_bytes() == before
    with pytest.raises(SystemExit):
        run_script(tools / 'quantize_onnx.py', full, small, tmp_path / 'faces', '--limit', 0)
    assert '--limit must be at least 1, got 0' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('metadata', 'sentence'),
    [
        (dict(), 'lacks face, regions, seed in its metadata; write it with tools/deployment/'),
        (
            dict(
                classes=list('abcdefg'),
                regions=dict(type='LandmarkRegions'),
                seed=0,
                face=vars(FaceInput(size=40)),
            ),
            'calibration on a folder needs regions that need no landmarks',
        ),
    ],
    ids=['no metadata', 'landmarks'],
)
def test_what_a_folder_cannot_calibrate_is_one_sentence(metadata, sentence, tmp_path, capsys):
    path = tmp_path / 'model.onnx'
    export_onnx(build(), str(path), metadata)
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(SystemExit):
        run_script(ROOT / 'tools/deployment/quantize_onnx.py', path, tmp_path / 'b.onnx', tmp_path)
    assert sentence in capsys.readouterr().err
