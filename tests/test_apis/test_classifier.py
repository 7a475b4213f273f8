"""PyTorch and ONNX Runtime give the same scores."""

import numpy as np
import pytest
import tiny
import torch

from ranfer.apis import FERInferencer
from ranfer.apis.cut_face import CutFace

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def test_an_onnx_file_is_told_from_a_model_file():
    with pytest.raises(
        ValueError, match=r"Model 'a\.onnx' is an ONNX file; set backend='onnxruntime'"
    ):
        FERInferencer('a.onnx')
    with pytest.raises(
        ValueError, match="runs on the CPU, got device='cuda:7'; use 'auto' or 'cpu'"
    ):
        FERInferencer('a.onnx', backend='onnxruntime', device='cuda:7')


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        (dict(face=dict(size=10**6)), r'ONNX file .* has face\.size 1000000, .*export_onnx\.py'),
        (dict(regions=dict(type='os.system', command='true')), "the component 'os.system'"),
        (dict(classes=['a']), 'names 1 classes and gives'),
        (dict(classes='abc'), "has classes 'abc', expected a list"),
    ],
)
def test_onnx_metadata_of_a_stranger_is_checked(tmp_path, values, sentence):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from ranfer.deployment import export_onnx

    model = tiny.model_file()
    face = vars(model.face) | values.pop('face', {})
    known = dict(classes=tiny.CLASSES, regions=model.regions, seed=0, face=face)
    with pytest.raises(ValueError, match=sentence):
        export_onnx(model.build(), str(tmp_path / 'a.onnx'), known | values)
        FERInferencer(str(tmp_path / 'a.onnx'), backend='onnxruntime')


@pytest.mark.parametrize('baked', [False, True])
def test_onnx_agrees_with_torch(tmp_path, baked):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from ranfer.deployment import export_onnx, fixed_boxes

    model = tiny.model_file()
    metadata = dict(classes=tiny.CLASSES, regions=model.regions, seed=0, face=vars(model.face))
    path = str(tmp_path / 'a.onnx')
    export_onnx(model.build(), path, metadata, fixed_boxes(model.regions) if baked else None)
    infer = FERInferencer(path, backend='onnxruntime', detector=tiny.FixedDetector(2), device='cpu')
    a = infer(IMAGE, progress=False)[0].faces
    b = tiny.inferencer(2, model=model)(IMAGE, progress=False)[0].faces
    for x, y in zip(a, b, strict=True):
        # float32 with another order of sums
        assert list(x.probabilities.values()) == pytest.approx(
            list(y.probabilities.values()), abs=1e-4
        )
        for p, q in zip(x.regions, y.regions, strict=True):
            assert p.weight == pytest.approx(q.weight, abs=1e-4)


def test_onnx_errors(tmp_path):
    with pytest.raises(ValueError, match='needs an ONNX file'):
        FERInferencer(backend='onnxruntime')
    with pytest.raises((FileNotFoundError, ImportError), match='does not exist|needs onnxruntime'):
        FERInferencer(str(tmp_path / 'a.onnx'), backend='onnxruntime')


def test_regions_of_several_frames_are_one_set():
    classifier = tiny.inferencer().classifier
    faces = [RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(2)]
    scores = classifier.predict([CutFace(face, np.eye(2, 3), None) for face in faces])
    np.testing.assert_allclose(classifier.join(scores[:1]), scores[0].scores, atol=1e-6)
    # Against the model itself on one face of 2 x 6 regions.
    model = classifier._model
    crops = model.data_preprocessor(
        classifier._prepare([CutFace(face, np.eye(2, 3), None) for face in faces])
    )['inputs']
    with torch.no_grad():
        [expected] = model(crops.reshape(1, 12, *crops.shape[2:]), mode='predict')
    np.testing.assert_allclose(classifier.join(scores), expected.pred_score, atol=1e-6)


def test_faces_of_one_batch_may_have_other_numbers_of_regions():
    classifier = tiny.inferencer().classifier
    counts = iter([4, 2, 4, 2])

    def strategy(size, landmarks, rng):
        count = next(counts)
        return rng.uniform(0, 20, (count, 4)).cumsum(1).clip(0, 40), np.ones(count, bool)

    classifier._prepare._regions.strategy = strategy
    cut = [CutFace(RNG.integers(0, 256, (40, 40, 3), np.uint8), np.eye(2, 3), None) for _ in '12']
    together = classifier.predict(cut)
    for one, count in zip(together, (5, 3)):
        assert len(one.regions) == len(one.mask) == one.weights.shape[1] == count
        assert one.features.shape == (count, 64)
        np.testing.assert_allclose(classifier.join([one]), one.scores, atol=1e-6)
    for one, alone in zip(together, [classifier.predict([face])[0] for face in cut]):
        np.testing.assert_allclose(one.weights, alone.weights, atol=1e-6)
    assert classifier.join(together).sum() == pytest.approx(1, abs=1e-6)
