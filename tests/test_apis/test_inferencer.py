import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
import torch

from ranfer.apis import FaceInput, FERInferencer, ModelFile, analyse_video, write_jsonl
from ranfer.apis.classifier import CutFace, cut_face, find_device
from ranfer.apis.outputs import Outputs
from ranfer.apis.temporal import TrackScores
from ranfer.apis.tracking import FaceTracker
from ranfer.landmarks import Faces
from ranfer.landmarks.align import face_template, move_points
from ranfer.registry import FACE_DETECTORS

SCHEMA = Path(__file__).parents[2] / 'docs/schema/prediction.schema.json'
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def check(value, schema, defs):
    """Validate against the part of JSON Schema that the file uses."""
    if '$ref' in schema:
        return check(value, defs[schema['$ref'].split('/')[-1]], defs)
    if 'anyOf' in schema:
        fits = [s for s in schema['anyOf'] if (s.get('type') == 'null') == (value is None)]
        return check(value, fits[0], defs)
    kinds = dict(
        object=dict,
        array=list,
        string=str,
        integer=int,
        number=(int, float),
        null=type(None),
    )
    names = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    assert any(isinstance(value, kinds[name]) for name in names)
    if isinstance(value, dict):
        assert set(schema.get('required', ())) <= set(value)
        for key, item in value.items():
            part = schema.get('properties', {}).get(key, schema.get('additionalProperties'))
            assert part, f'{key} is not in the schema'
            check(item, part, defs)
    if isinstance(value, list):
        assert schema.get('minItems', 0) <= len(value) <= schema.get('maxItems', 10**9)
        for item in value:
            check(item, schema['items'], defs)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        assert schema.get('minimum', -1e9) <= value <= schema.get('maximum', 1e9)
    return None


@pytest.mark.parametrize('faces', ['detect', 'whole'])
@pytest.mark.parametrize('ran', [True, False])
def test_result_follows_the_schema(faces, ran, tmp_path):
    infer = tiny.inferencer(faces=faces, model=tiny.model_file(ran), count=2)
    results = infer([IMAGE, IMAGE[:40]], progress=False)
    write_jsonl(tmp_path / 'new' / 'a.jsonl', results)
    schema = json.loads(SCHEMA.read_text())
    for line in (tmp_path / 'new' / 'a.jsonl').read_text().splitlines():
        values = json.loads(line)
        check(values, schema, schema['$defs'])
        assert len(values['faces']) == (2 if faces == 'detect' else 1)
        for face in values['faces']:
            assert sum(face['probabilities'].values()) == pytest.approx(1, abs=1e-4)
            assert len(face['regions']) == (6 if ran else 0)
            if ran:
                assert sum(r['weight'] for r in face['regions']) == pytest.approx(1, abs=1e-4)


def test_region_boxes_are_in_image_pixels():
    [result] = tiny.inferencer(model=tiny.model_file(margin=0.1))(IMAGE, progress=False)
    # The box is 30 x 48 at (15, 16): a square of 57.6 around (30, 40).
    face = result.faces[0]
    np.testing.assert_allclose(face.box, [15, 16, 45, 64], atol=1e-4)
    np.testing.assert_allclose(face.regions[0].box, [1.2, 11.2, 58.8, 68.8], atol=1e-3)
    top_left = [1.2, 11.2, 1.2 + 0.75 * 57.6, 11.2 + 0.75 * 57.6]
    np.testing.assert_allclose(face.regions[1].box, top_left, atol=1e-3)


@pytest.mark.parametrize('angle', [0, 40])
def test_alignment_brings_landmarks_to_their_places(angle):
    turn = cv2.getRotationMatrix2D((30, 40), angle, 0.4)
    landmarks = move_points(face_template(50), turn)
    face = FaceInput(size=40, margin=0.2, align=True, shift=-0.1)
    cut = cut_face(IMAGE, np.array([10.0, 10, 50, 60]), landmarks, face)
    np.testing.assert_allclose(cut.landmarks, face_template(40, 0.2) - [0, 4], atol=1e-6)
    [box] = cut.to_image(np.array([[0, 0, 40, 40]]))
    grown = np.cos(np.radians(angle)) + np.sin(np.radians(angle))  # the box around a turned square
    side = 0.4 * 50 * (1.4 / 1.2) * grown
    np.testing.assert_allclose(box[2:] - box[:2], side, rtol=1e-6)


def test_alignment_can_be_chosen():
    assert tiny.inferencer(align=True).face_input.align
    assert not tiny.inferencer(model=tiny.model_file(align=True), align=False).face_input.align
    aligned = tiny.inferencer(align=True)(IMAGE, progress=False)[0].faces[0]
    plain = tiny.inferencer()(IMAGE, progress=False)[0].faces[0]
    assert aligned.box == plain.box
    assert aligned.regions[0].box != plain.regions[0].box


ALIGNED = FaceInput(size=40, margin=-0.07, align=True, shift=-0.07)
BOXED = FaceInput(size=40, margin=0.2)


@pytest.mark.parametrize(
    ('face', 'options', 'align', 'margin'),
    [
        (ALIGNED, dict(), True, -0.07),
        (ALIGNED, dict(faces='whole'), False, 0),  # all of the image
        (ALIGNED, dict(align=False), False, 0),  # a box has no margin of an aligned face
        (ALIGNED, dict(margin=0.3), True, 0.3),
        (ALIGNED, dict(align=False, margin=0.3), False, 0.3),
        (BOXED, dict(), False, 0.2),
        (BOXED, dict(align=False), False, 0.2),
        (BOXED, dict(align=True), True, 0),
        (BOXED, dict(faces='whole'), False, 0),
        (BOXED, dict(faces='whole', margin=0.1), False, 0.1),
    ],
)
def test_a_margin_belongs_to_its_way_of_cutting(face, options, align, margin):
    found = tiny.inferencer(model=tiny.model_file(**vars(face)), **options).face_input
    assert (found.align, found.margin) == (align, margin)
    assert (found.size, found.shift) == (face.size, face.shift)


def test_a_whole_image_is_cut_whole():
    infer = tiny.inferencer(model=tiny.model_file(**vars(ALIGNED)), faces='whole')
    image = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    [analysed] = infer.analyse(image)
    np.testing.assert_array_equal(analysed.cuts[0].image, image)


def test_without_landmarks_an_aligning_model_gets_the_box():
    cut = cut_face(IMAGE, np.array([10.0, 10, 50, 50]), None, ALIGNED)
    np.testing.assert_allclose(cut.to_image(np.array([[0, 0, 40, 40]])), [[10, 10, 50, 50]])


def test_batching_changes_nothing():
    images = [RNG.integers(0, 256, (s, 70, 3), dtype=np.uint8) for s in range(60, 95, 5)]
    infer = tiny.inferencer(count=2)
    one = infer(images, batch_size=1, progress=False)
    many = infer(images, batch_size=5, progress=False)
    assert infer.detector.batches == [1] * 7 + [5, 2]
    for a, b in zip(one, many):
        for x, y in zip(a.faces, b.faces):
            # float32; the order of sums in a convolution depends on the batch
            assert list(x.probabilities.values()) == pytest.approx(
                list(y.probabilities.values()), abs=1e-5
            )


def test_large_images_are_searched_small_and_cut_in_full_size():
    large = cv2.resize(IMAGE, (1500, 2000), interpolation=cv2.INTER_NEAREST)
    [result] = tiny.inferencer()(large, progress=False)
    np.testing.assert_allclose(result.faces[0].box, [375, 400, 1125, 1600], rtol=2e-3)
    marks = [[600, 800], [900, 800], [750, 1000], [600, 1300], [900, 1300]]
    np.testing.assert_allclose(result.faces[0].landmarks, marks, rtol=2e-3)


def test_no_face():
    class Nothing(tiny.FixedDetector):
        def _faces(self, image):
            return Faces.sorted(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))

    [result] = tiny.inferencer(detector=Nothing())(IMAGE, progress=False)
    assert result.faces == ()


def test_landmark_regions_need_the_detector():
    model = tiny.model_file(regions=dict(type='LandmarkRegions'))
    [result] = tiny.inferencer(model=model)(IMAGE, progress=False)
    assert len(result.faces[0].regions) == 6
    with pytest.raises(ValueError, match="faces='detect'"):
        tiny.inferencer(model=model, faces='whole')(IMAGE, progress=False)


def test_pictures(tmp_path):
    path = tmp_path / 'my face.png'
    cv2.imwrite(str(path), IMAGE)
    tiny.inferencer()(str(path), show_dir=tmp_path / 'out', progress=False)
    assert {p.name for p in (tmp_path / 'out').iterdir()} == {'my_face.jpg', 'my_face_face0.png'}


def test_progress_goes_to_the_standard_error(capsys):
    tiny.inferencer()([IMAGE, IMAGE])
    captured = capsys.readouterr()
    assert captured.out == ''
    assert '2/2' in captured.err


@pytest.mark.parametrize(
    ('kwargs', 'match'),
    [
        (dict(faces='some'), "faces must be 'detect' or 'whole', got 'some'"),
        (dict(backend='magic'), "backend must be 'torch' or 'onnxruntime', got 'magic'"),
        (dict(device='nothing'), "Device 'nothing' is not available"),
        (dict(device='hpu'), "Device 'hpu' is not available"),
        (dict(device=None), r"Device None is not available \(.*\(NoneType\)\); use device='auto'"),
        (dict(margin=-3), r'margin must be a number in \[-0.4, 4\], got -3'),
        (dict(margin='0.2'), "margin must be a number in .*, got '0.2'"),
        (dict(align='no'), "align must be True, False or None, got 'no'"),
        (dict(align=True, faces='whole'), "align=True needs landmarks; set faces='detect'"),
        (dict(weights='a.pth'), 'A config needs weights'),
    ],
)
def test_wrong_arguments(kwargs, match):
    with pytest.raises(ValueError, match=match):
        FERInferencer(**{'model': tiny.model_file(), 'device': 'cpu', **kwargs})


def test_a_detector_may_be_named_alone(monkeypatch):
    monkeypatch.setitem(FACE_DETECTORS.module_dict, 'Fixed', tiny.FixedDetector)
    [result] = tiny.inferencer(detector='Fixed', margin=np.float32(0.1))(IMAGE, progress=False)
    assert len(result.faces) == 1


@pytest.mark.parametrize('name', ['mine.bin', 'mine'])
def test_a_model_file_of_any_name_in_the_current_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    tiny.model_file().save(name)
    assert FERInferencer(name, device='cpu').classes == tiny.CLASSES
    with pytest.raises(FileNotFoundError, match="Model 'other.bin' is neither a file nor shipped"):
        FERInferencer('other.bin', device='cpu')


def test_an_onnx_file_is_told_from_a_model_file():
    with pytest.raises(
        ValueError, match=r"Model 'a\.onnx' is an ONNX file; set backend='onnxruntime'"
    ):
        FERInferencer('a.onnx')
    with pytest.raises(
        ValueError, match="runs on the CPU, got device='cuda:7'; use 'auto' or 'cpu'"
    ):
        FERInferencer('a.onnx', backend='onnxruntime', device='cuda:7')


def test_a_model_file_is_not_printed_to_learn_what_it_is(monkeypatch):
    monkeypatch.setattr(ModelFile, '__repr__', lambda _: pytest.fail('printed'))
    tiny.inferencer()


@pytest.mark.parametrize(
    ('options', 'message'),
    [(dict(smoothing=7), 'got smoothing 7'), (dict(window=-3), 'window must be at least 1 frame')],
)
def test_options_of_videos_are_checked_for_images_too(inferencer, options, message):
    with pytest.raises(ValueError, match=message):
        next(inferencer.stream(IMAGE, **options))


class Odd(tiny.FixedDetector):
    """Finds three faces, of which the first has other landmarks."""

    def __init__(self, value: float) -> None:
        super().__init__(3)
        self.value = value

    def _faces(self, image: np.ndarray) -> Faces:
        faces = super()._faces(image)
        faces.landmarks[0] = self.value
        return faces


@pytest.mark.parametrize(
    ('align', 'value', 'count'),
    [
        (True, np.nan, 2),
        (True, np.inf, 2),
        (True, 30, 2),
        (False, np.nan, 2),
        (False, 0, 3),  # a detector of boxes alone
    ],
)
def test_a_face_with_odd_landmarks_is_none_and_ends_nothing(align, value, count):
    [result] = tiny.inferencer(detector=Odd(value), align=align)(IMAGE, progress=False)
    assert len(result.faces) == count
    assert result.to_json()


def test_a_box_without_a_width_is_no_face():
    class Thin(tiny.FixedDetector):
        def _faces(self, image):
            faces = super()._faces(image)
            faces.boxes[0] = [20, 10, 20, 60]
            return faces

    [result] = tiny.inferencer(detector=Thin(2))(IMAGE, progress=False)
    assert len(result.faces) == 1


def test_wrong_call_arguments(inferencer):
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        inferencer(IMAGE, batch_size=0)
    with pytest.raises(ValueError, match='unknown argument'):
        inferencer(IMAGE, colour=1)


# Model files ---------------------------------------------------------------------------------


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
    meta = dict(dataset_meta=dict(classes=tiny.CLASSES))
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'a.pth')
    model = ModelFile.from_config(str(config), str(tmp_path / 'a.pth'))
    assert (model.regions, model.seed) == (dict(type='GridRegions'), 3)
    assert model.classes == tiny.CLASSES
    assert model.face.grey
    infer = FERInferencer(config, tmp_path / 'a.pth', device='cpu', faces='whole')
    assert len(infer(IMAGE, progress=False)[0].faces[0].regions) == 5
    pipeline[0]['crop_size'] = 24  # the crops of the training, whatever the preprocessor says
    config.write_text(f'model = {tiny.model_config()!r}\ntest_dataloader = {data!r}\n')
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
        (torch.zeros(1, 1, 1, 1), f'do not fit the model: size mismatch for {name}'),
        (torch.full_like(model.state_dict[name], torch.nan), f'not finite .{name}.: its training'),
    ):
        other = replace(model, state_dict={**model.state_dict, name: value})
        with pytest.raises(ValueError, match=sentence):
            other.build()


@pytest.mark.parametrize('named', [True, False])
def test_scores_that_are_not_finite_are_no_answer(named, tmp_path):
    model = tiny.model_file()
    # Each value is finite, and the sums of the convolution overflow.
    state = {k: v * 1e38 if k.endswith('conv1.weight') else v for k, v in model.state_dict.items()}
    model, path = replace(model, state_dict=state), tmp_path / 'a.pth'
    model.save(path, dtype=torch.float32)
    name = r"Model '.*a\.pth'" if named else 'The model'
    with pytest.raises(ValueError, match=f'^{name} gives scores that are not finite, for its wei'):
        tiny.inferencer(model=str(path) if named else model)(IMAGE, progress=False)


def test_a_file_that_could_not_be_loaded_is_not_written(tmp_path):
    (tmp_path / 'a.pth').write_text('an older one')
    with pytest.raises(ValueError, match=r'face\.margin 5, expected a number in'):
        tiny.model_file(margin=5).save(tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').read_text() == 'an older one'


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


# Videos --------------------------------------------------------------------------------------


def write_video(path: Path, count: int) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 96))
    for index in range(count):
        image = np.full((96, 96, 3), 20 * index, np.uint8)
        writer.write(image)
    writer.release()
    return str(path)


def test_video(tmp_path):
    source = write_video(tmp_path / 'a.avi', 5)
    infer = tiny.inferencer()
    outputs = dict(
        out=tmp_path / 'o' / 'b.mp4', table=tmp_path / 'b.csv', jsonl=tmp_path / 'b.jsonl'
    )
    summary = analyse_video(infer, source, batch_size=2, progress=False, **outputs)
    assert (summary.frames, summary.faces, summary.tracks) == (5, 5, 1)
    assert 'faces/s' in str(summary)
    capture = cv2.VideoCapture(str(outputs['out']))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 5
    assert capture.get(cv2.CAP_PROP_FPS) == 10
    with outputs['table'].open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['frame'] for row in rows] == list('01234')
    assert {row['track'] for row in rows} == {'0'}
    assert [row['time'] for row in rows] == ['0.0', '0.1', '0.2', '0.3', '0.4']
    lines = [json.loads(line) for line in outputs['jsonl'].read_text().splitlines()]
    assert [line['frame'] for line in lines] == list(range(5))
    assert analyse_video(infer, source, progress=False, max_frames=2).frames == 2
    with pytest.raises(ValueError, match='cannot be written as'):
        analyse_video(infer, source, out=tmp_path / 'b.xyz', progress=False)


def test_a_film_that_is_cut_off_is_warned_about(tmp_path, recwarn):
    source = tmp_path / 'a.avi'
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 96))
    for _ in range(12):
        writer.write(np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8))
    writer.release()
    infer = tiny.inferencer()
    analyse_video(infer, source, progress=False)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    analyse_video(infer, source, progress=False, max_frames=2)
    assert not [warning for warning in recwarn if 'announces' in str(warning.message)]
    with pytest.warns(UserWarning, match=r"a\.avi' announces 12 frames, of which \d could be read"):
        analyse_video(infer, source, progress=False)


class Camera:
    """Stands for ``cv2.VideoCapture``: frames at ``times``, of which a camera says nothing."""

    opened = 0

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self.index = -1

    def __call__(self, source: str | int) -> 'Camera':
        Camera.opened += isinstance(source, int)
        return self

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        self.index += 1
        return self.index < len(self.times), np.full((96, 96, 3), 40 * self.index, np.uint8)

    def get(self, key: int) -> float:
        known = {cv2.CAP_PROP_FPS: 10, cv2.CAP_PROP_FRAME_COUNT: len(self.times)}
        return known[key] if key in known else 1000 * self.times[self.index]

    def monotonic(self) -> float:
        return 7 + self.times[self.index]

    def release(self) -> None:
        pass


def read_levels(path: Path) -> tuple[float, list[int]]:
    """Rate of a film and the number of the frame that each of its frames shows."""
    capture = cv2.VideoCapture(str(path))
    levels = []
    while (answer := capture.read())[0]:
        levels.append(round(float(answer[1][:5].mean()) / 40))  # above the box
    return capture.get(cv2.CAP_PROP_FPS), levels


def test_the_film_of_a_camera_lasts_as_long_as_it_took(tmp_path, monkeypatch):
    camera = Camera([0, 0.12, 0.13, 0.4])
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', camera)
        patch.setattr('ranfer.apis.sources.time', camera)
        outputs = dict(out=tmp_path / 'a.avi', table=tmp_path / 'a.csv')
        summary = analyse_video(tiny.inferencer(), 0, **outputs, batch_size=1, progress=False)
    assert (summary.frames, Camera.opened) == (4, 1)
    rows = outputs['table'].read_text().splitlines()[1:]
    assert [float(row.split(',')[1]) for row in rows] == camera.times
    # 25 a second; the frame of 0.13 s has the place of that of 0.12 s, and is shown after it.
    assert read_levels(outputs['out']) == (25, [0, 0, 0, 1, *[2] * 6, 3])


@pytest.mark.parametrize(
    ('said', 'times', 'shown'),
    [
        ([0, 0.1, 0.4, 0.5], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([1.4, 1.5, 1.8, 1.9], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([0, 0.3, 0.2, 0.5], [0, 0.3, 0.4, 0.5], [0, 0, 0, 1, 2, 3]),
        ([0, np.nan, np.inf, -1], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([0, 1e6, 1e6 + 0.3, 1e6 + 0.4], [0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([99, 99.1, 0, 0.1], [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
    ],
)
def test_frames_of_a_file_have_the_times_it_gives_them(said, times, shown, tmp_path, monkeypatch):
    source = tmp_path / 'a.avi'
    source.touch()
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', Camera(said))
        results = list(tiny.inferencer().stream(str(source)))
        assert [result.time for result in results] == pytest.approx(times)
        patch.setattr(cv2, 'VideoCapture', Camera(said))
        analyse_video(tiny.inferencer(), str(source), tmp_path / 'b.avi', progress=False)
    assert read_levels(tmp_path / 'b.avi') == (10, shown)


@pytest.mark.parametrize('rate', [0.2, 23.976, 66.667, 90.013, 720.123])
def test_a_film_of_any_rate_can_be_written(rate, tmp_path):
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(tmp_path / 'a.avi'), codec, rate, (96, 96))
    for _ in range(3):
        writer.write(np.zeros((96, 96, 3), np.uint8))
    writer.release()
    analyse_video(tiny.inferencer(), str(tmp_path / 'a.avi'), tmp_path / 'b.mp4', progress=False)
    shown, levels = read_levels(tmp_path / 'b.mp4')
    assert shown == pytest.approx(max(rate, 1), rel=1e-4)
    assert len(levels) == (3 if rate > 1 else 11)


def test_a_film_that_cannot_be_written_leaves_older_tables(tmp_path, monkeypatch):
    source, table = write_video(tmp_path / 'a.avi', 2), tmp_path / 'a.csv'
    table.write_text('older')
    monkeypatch.setattr(cv2.VideoWriter, 'isOpened', lambda _: False, raising=False)
    with pytest.raises(ValueError, match=r"b\.mp4' cannot be written; check the folder"):
        analyse_video(tiny.inferencer(), source, tmp_path / 'b.mp4', table)
    assert table.read_text() == 'older'


@pytest.mark.skipif(sys.platform == 'win32', reason='has no limit for the size of a file')
@pytest.mark.parametrize('suffix', ['.mp4', '.avi', '.mkv', '.mov'])
def test_a_film_that_finds_no_room_is_no_success(suffix, tmp_path):
    import resource

    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(tmp_path / 'a.avi'), codec, 10, (320, 240))
    for _ in range(20):
        writer.write(RNG.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    writer.release()
    infer, film = tiny.inferencer(), tmp_path / f'b{suffix}'
    assert analyse_video(infer, str(tmp_path / 'a.avi'), film, progress=False).frames == 20
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (film.stat().st_size // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=rf"b\{suffix}' could not be written in full; free"):
            analyse_video(infer, str(tmp_path / 'a.avi'), film, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ('source', 'named'),
    [
        (IMAGE, 'array of shape'),
        ('a.png', "'a.png'"),
        ('folder', "'folder'"),
        ('folder.mp4', "'folder.mp4'"),
        (['b.mp4'], r"\['b.mp4'\]"),
        (None, 'None'),
    ],
)
def test_what_is_no_video_replaces_no_older_film(source, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('a.png', 'folder/a.png', 'folder.mp4/a.png'):
        Path(name).parent.mkdir(exist_ok=True)
        cv2.imwrite(name, IMAGE)
    outputs = dict(out='o.mp4', table='o.csv', jsonl='o.jsonl')
    for path in outputs.values():
        Path(path).write_text('older')
    with pytest.raises(ValueError, match=f'Source {named}.* is no video, expected a camera index'):
        analyse_video(tiny.inferencer(), source, **outputs, progress=False)
    assert all(Path(path).read_text() == 'older' for path in outputs.values())


def test_images_and_videos_mix(tmp_path):
    source = write_video(tmp_path / 'a.avi', 2)
    results = tiny.inferencer()([IMAGE, source, IMAGE], progress=False)
    assert [r.frame for r in results] == [None, 0, 1, None]
    assert [r.faces[0].track for r in results] == [None, 0, 0, None]


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


def test_window_takes_the_last_frames_of_a_track(tmp_path):
    source = write_video(tmp_path / 'a.avi', 4)
    infer = tiny.inferencer()
    alone = [r.faces[0].probability for r in infer.stream(source, smoothing=0)]
    one = [r.faces[0].probability for r in infer.stream(source, window=1)]
    np.testing.assert_allclose(one, alone, atol=1e-5)
    frames = list(infer.analyse(source, window=3, batch_size=2))
    expected = infer.classifier.join([frame.scores[0] for frame in frames[1:]])
    shown = list(frames[3].result.faces[0].probabilities.values())
    np.testing.assert_allclose(shown, expected, atol=1e-6)


class Blinking(tiny.FixedDetector):
    """Finds no face in frame 1 of :func:`write_video`."""

    def _faces(self, image: np.ndarray) -> Faces:
        if 10 < image.mean() < 30:
            return Faces.sorted(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
        return super()._faces(image)


@pytest.mark.parametrize('window', [None, 2])
def test_frames_without_a_face_pass(window, tmp_path):
    source = write_video(tmp_path / 'a.avi', 3)
    infer = tiny.inferencer(detector=Blinking())
    counts = [len(result.faces) for result in infer.stream(source, window=window)]
    assert counts == [1, 0, 1]
    summary = analyse_video(infer, source, out=tmp_path / 'b.avi', table=tmp_path / 'b.csv')
    assert (summary.frames, summary.faces, summary.tracks) == (3, 2, 1)
    assert len((tmp_path / 'b.csv').read_text().splitlines()) == 3


def test_a_broken_video_in_a_list_is_an_error_of_its_own(tmp_path):
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    inputs = [IMAGE, str(tmp_path / 'broken.mp4'), IMAGE]
    first, broken, last = tiny.inferencer()(inputs, progress=False)
    assert len(first.faces) == len(last.faces) == 1
    assert 'cannot be opened' in broken.error and not broken.faces


def test_a_pattern_that_fits_one_broken_image_is_no_end(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no image')
    for inputs in (str(tmp_path / '*.png'), [str(tmp_path / 'broken.png')]):
        [result] = tiny.inferencer()(inputs, progress=False)
        assert 'broken.png' in result.error
    with pytest.raises(ValueError, match=r'broken\.png'):
        tiny.inferencer()(str(tmp_path / 'broken.png'), progress=False)


def test_pictures_never_replace_inputs_or_each_other(tmp_path):
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'face.jpg'), IMAGE)
    before = (tmp_path / 'a/face.jpg').read_bytes()
    with pytest.raises(ValueError, match=r"face\.jpg' is an input itself and would be"):
        tiny.inferencer()(str(tmp_path / 'a/face.jpg'), show_dir=tmp_path / 'a', progress=False)
    assert (tmp_path / 'a/face.jpg').read_bytes() == before
    tiny.inferencer()(str(tmp_path), show_dir=tmp_path / 'out', progress=False)
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert names == {'face.jpg', 'face_face0.png', 'face_2.jpg', 'face_2_face0.png'}


def test_names_differ_in_more_than_the_case_of_their_letters():
    outputs = Outputs()
    assert [outputs.name(x) for x in ('A', 'a', 'b', 'B')] == ['A', 'a_2', 'b', 'B_2']


def test_pictures_never_replace_other_inputs(tmp_path):
    for name in ('a face.png', 'a_face.jpg'):
        cv2.imwrite(str(tmp_path / name), IMAGE)
    with pytest.raises(ValueError, match=r"a_face\.jpg' is an input itself"):
        tiny.inferencer()(str(tmp_path), show_dir=tmp_path, progress=False)


def test_a_folder_of_an_images_name_is_no_image(tmp_path):
    (tmp_path / 'folder.jpg').mkdir()
    cv2.imwrite(str(tmp_path / 'folder.jpg/face.png'), IMAGE)
    [result] = tiny.inferencer()(str(tmp_path), progress=False)
    assert result.source.endswith('face.png') and result.error is None


def test_an_image_too_long_for_its_picture_ends_no_folder(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((20, 70000, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'b.png'), IMAGE)
    message = r"out.a\.jpg' has 70000 x 20 pixels, more than \.jpg can hold"
    with pytest.warns(UserWarning, match=message):
        results = tiny.inferencer()(str(tmp_path), show_dir=tmp_path / 'out', progress=False)
    assert [len(result.faces) for result in results] == [0, 1]
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'b.jpg', 'b_face0.png'}
    with pytest.raises(ValueError, match=message):
        tiny.inferencer()(str(tmp_path / 'a.png'), show_dir=tmp_path / 'out', progress=False)


@pytest.mark.parametrize('frames', [0, -1])
def test_a_video_needs_a_frame(frames, tmp_path):
    with pytest.raises(ValueError, match=f'max_frames must be at least 1, got {frames}'):
        analyse_video(tiny.inferencer(), write_video(tmp_path / 'a.avi', 2), max_frames=frames)


@pytest.mark.parametrize('options', [dict(window=0), dict(smoothing=1), dict(max_frames=-1)])
def test_older_results_are_kept_until_there_are_new_ones(options, tmp_path):
    source, table = write_video(tmp_path / 'a.avi', 2), tmp_path / 'a.csv'
    table.write_text('older')
    with pytest.raises(ValueError):
        analyse_video(tiny.inferencer(), source, table=table, **options)
    with pytest.raises(ValueError, match=r"a\.csv' is to hold two results, of which one"):
        analyse_video(tiny.inferencer(), source, table=table, jsonl=table)
    with pytest.raises(FileNotFoundError):
        analyse_video(tiny.inferencer(), str(tmp_path / 'moved.avi'), table=table)
    with pytest.raises(ValueError, match='is an input itself'):
        analyse_video(tiny.inferencer(), source, table=table, jsonl=source)
    assert table.read_text() == 'older'
    assert analyse_video(tiny.inferencer(), source, max_frames=1, table=table).frames == 1
    assert len(table.read_text().splitlines()) == 2


def test_videos_come_by_pattern_and_home_folder(tmp_path, monkeypatch):
    write_video(tmp_path / 'a.avi', 1)
    write_video(tmp_path / 'b.avi', 1)
    monkeypatch.setenv('HOME', str(tmp_path))
    for inputs, count in ((str(tmp_path / '*.avi'), 2), ('~/a.avi', 1)):
        assert len(tiny.inferencer()(inputs, progress=False)) == count
    with pytest.raises(ValueError, match='is a URL'):
        tiny.inferencer()('https://x/film.mp4', progress=False)


@pytest.mark.parametrize('inputs', ['~photo.png', '~*.png'])
def test_a_name_may_begin_with_a_tilde(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"'~(photo|\*)\.png' (does not exist|fits no file)"
    ):
        tiny.inferencer()(inputs, progress=False)
    cv2.imwrite('~photo.png', IMAGE)
    [result] = tiny.inferencer()(inputs, progress=False)
    assert (result.source, len(result.faces)) == ('~photo.png', 1)


def test_a_video_never_replaces_itself(tmp_path):
    source = write_video(tmp_path / 'a.avi', 3)
    before = Path(source).read_bytes()
    with pytest.raises(ValueError, match='is an input itself'):
        analyse_video(tiny.inferencer(), source, out=source)
    assert Path(source).read_bytes() == before


def test_window_needs_frames_and_a_neck(tmp_path):
    source = write_video(tmp_path / 'a.avi', 1)
    with pytest.raises(ValueError, match='window must be at least 1 frame, got 0'):
        list(tiny.inferencer().stream(source, window=0))
    with pytest.raises(ValueError, match='window needs a model with ranfer.RANNeck'):
        list(tiny.inferencer(model=tiny.model_file(ran=False)).stream(source, window=2))
    stock = tiny.model_file()
    head = dict(type='LinearClsHead', num_classes=len(tiny.CLASSES))
    head['in_channels'] = stock.model['head']['in_channels']
    state = {k: v for k, v in stock.state_dict.items() if not k.startswith('head')}
    state |= {
        'head.fc.weight': torch.zeros(len(tiny.CLASSES), head['in_channels']),
        'head.fc.bias': torch.zeros(len(tiny.CLASSES)),
    }
    stock = replace(stock, model=dict(stock.model, head=head), state_dict=state)
    with pytest.raises(ValueError, match='window needs a model with ranfer.RANNeck, ranfer.Rel'):
        list(tiny.inferencer(model=stock).stream(source, window=2))


def test_tracker_keeps_numbers_while_faces_move_and_cross_frames():
    tracker = FaceTracker(smoothing=0.5)
    a, b = np.array([0.0, 0, 10, 10]), np.array([50.0, 0, 60, 10])
    scores = np.eye(2)
    first, _ = tracker.update(np.stack([a, b]), scores)
    assert first.tolist() == [0, 1]
    moved = np.stack([b - 2, a + 2])  # in the other order
    numbers, smooth = tracker.update(moved, scores)
    assert numbers.tolist() == [1, 0]
    np.testing.assert_allclose(smooth, [[0.5, 0.5], [0.5, 0.5]])
    assert tracker.update(np.zeros((0, 4)), np.zeros((0, 2)))[0].tolist() == []
    assert tracker.update(a[None] + 3, scores[:1])[0].tolist() == [0]
    for _ in range(16):
        tracker.update(np.zeros((0, 4)), np.zeros((0, 2)))
    assert tracker.update(a[None] + 3, scores[:1])[0].tolist() == [2]


def test_a_face_goes_on_with_one_track():
    tracker = FaceTracker()
    boxes, scores = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10]]), np.eye(2)
    tracker.update(boxes, scores)
    assert tracker.update(boxes[:1], scores[:1])[0].tolist() == [0]


def test_a_track_survives_as_many_frames_as_said():
    tracker, box, score = FaceTracker(patience=1), np.array([[0.0, 0, 10, 10]]), np.ones((1, 1))
    nothing = np.zeros((0, 4)), np.zeros((0, 1))
    tracker.update(box, score)
    tracker.update(*nothing)
    assert tracker.update(box, score)[0].tolist() == [0]
    tracker.update(*nothing)
    tracker.update(*nothing)
    assert tracker.update(box, score)[0].tolist() == [1]


def test_frames_of_tracks_that_ended_are_forgotten():
    classifier = tiny.inferencer().classifier
    tracks = TrackScores(classifier, window=2)
    scores = classifier.predict([CutFace(IMAGE[:40, :40], np.eye(2, 3), None)])
    boxes = np.array([[0.0, 0, 10, 10]])
    for count in [1, *[0] * 16, 1]:
        numbers, _ = tracks.update(boxes[:count], scores[:count])
    assert numbers.tolist() == list(tracks._past) == [1]


def test_smoothing_is_an_exponential_average():
    # Against the closed form of the recursion s_t = a s_{t-1} + (1 - a) p_t with s_0 = p_0.
    values = RNG.dirichlet(np.ones(3), 6)
    tracker = FaceTracker(smoothing=0.7)
    box = np.array([[0.0, 0, 10, 10]])
    smooth = [tracker.update(box, p[None])[1][0] for p in values][-1]
    weights = np.array([0.7**5, *(0.3 * 0.7 ** (5 - t) for t in range(1, 6))])
    np.testing.assert_allclose(smooth, weights @ values)


@pytest.mark.parametrize('kwargs', [dict(smoothing=1), dict(min_overlap=0), dict(patience=-1)])
def test_tracker_refuses(kwargs):
    with pytest.raises(ValueError, match='FaceTracker got'):
        FaceTracker(**kwargs)


def test_a_device_without_autocast_is_not_taken(monkeypatch):
    """MPS of older releases of PyTorch, where turning autocast off raises an error."""
    known = torch.autocast

    def autocast(device_type, *args, **keys):
        if device_type == 'mps':
            raise RuntimeError("User specified an unsupported autocast device_type 'mps'")
        return known(device_type, *args, **keys)

    empty = torch.empty
    monkeypatch.setattr(torch, 'autocast', autocast)
    monkeypatch.setattr(torch, 'empty', lambda size, device: empty(size))
    monkeypatch.setattr('ranfer.apis.classifier.get_device', lambda: 'mps')
    assert find_device('auto') == torch.device('cpu')
    with pytest.raises(ValueError, match='Device .mps. is not available .User specified'):
        find_device('mps')
