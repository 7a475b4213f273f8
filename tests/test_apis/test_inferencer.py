"""From images to results."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tiny
import torch
from schema import check_prediction

from ranfer.apis import FaceInput, FERInferencer, ModelFile, write_jsonl
from ranfer.landmarks import Faces
from ranfer.registry import FACE_DETECTORS

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize('faces', ['detect', 'whole'])
@pytest.mark.parametrize('ran', [True, False])
def test_result_follows_the_schema(faces, ran, tmp_path):
    infer = tiny.inferencer(faces=faces, model=tiny.model_file(ran), count=2)
    results = infer([IMAGE, IMAGE[:40]], progress=False)
    write_jsonl(tmp_path / 'new' / 'a.jsonl', results)
    for line in (tmp_path / 'new' / 'a.jsonl').read_text().splitlines():
        values = json.loads(line)
        check_prediction(values)
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


def test_without_a_folder_no_picture_is_written(inferencer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for show_dir in (None, ''):
        inferencer(IMAGE, show_dir=show_dir, progress=False)
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize('model', [torch.nn.Linear(1, 1), {}, 3])
def test_another_kind_of_model_is_not_replaced_by_the_shipped_one(model):
    with pytest.raises(TypeError, match=f'model is a {type(model).__name__}, expected the name of'):
        FERInferencer(model)


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


def test_images_and_videos_mix(tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 2)
    results = tiny.inferencer()([IMAGE, source, IMAGE], progress=False)
    assert [r.frame for r in results] == [None, 0, 1, None]
    assert [r.faces[0].track for r in results] == [None, 0, 0, None]


def test_a_broken_video_in_a_list_is_an_error_of_its_own(tmp_path):
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    inputs = [IMAGE, str(tmp_path / 'broken.mp4'), IMAGE]
    first, broken, last = tiny.inferencer()(inputs, progress=False)
    assert len(first.faces) == len(last.faces) == 1
    assert 'cannot be opened' in broken.error and not broken.faces


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
