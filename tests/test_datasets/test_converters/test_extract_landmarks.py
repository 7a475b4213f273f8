import json

import numpy as np
import pytest
from test_datasets import fakes
from test_tools.conftest import run_tool

from ranfer.datasets import FERDataset, FERFolder
from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters import ConversionError, annotate_folder, extract_landmarks
from ranfer.landmarks import FaceDetector, Faces
from ranfer.registry import FACE_DETECTORS

CALLS = []


@FACE_DETECTORS.register_module()
class BrightSpotDetector(FaceDetector):
    """Test back end: the five points lie around the brightest pixel; a dark image has no face."""

    def _detect(self, images):
        CALLS.append(len(images))
        found = []
        for image in images:
            y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
            count = int(image.max() > 200)
            points = np.tile(np.array([x + 0.5, y + 0.5]), (count, 5, 1))
            found.append(Faces.sorted(np.ones((count, 4)), np.ones(count), points))
        return found


@pytest.fixture
def annotation(tmp_path):
    rows = []
    for i in range(5):
        image = np.zeros((40, 40, 3), np.uint8)
        if i != 3:
            image[8 * i + 1, 30] = 255
        fakes.write_image(tmp_path / f'{i}.png', image)
        rows.append({'img_path': f'{i}.png', 'gt_label': 0})
    rows[4]['keypoints'] = [[1, 2]] * 5
    save_annotation(tmp_path / 'a.json', {'classes': ['x']}, rows)
    CALLS.clear()
    return tmp_path / 'a.json'


@pytest.mark.parametrize('side', [0, 160])
def test_landmarks_return_to_the_image(annotation, side):
    """Scaling and border are undone: the bright pixel is found where it was drawn."""
    lines = extract_landmarks(str(annotation), detector={'type': 'BrightSpotDetector'}, side=side)
    assert lines[0] == 'BrightSpotDetector: landmarks found in 3 of 4 images'
    data = FERDataset('a.json', str(annotation.parent))
    assert data.metainfo['landmarks'] == 'BrightSpotDetector'
    for i in range(3):
        points = data.get_data_info(i)['gt_keypoints'][0]
        np.testing.assert_allclose(points[:, :2], np.tile([30.5, 8 * i + 1.5], (5, 1)), atol=0.6)
        assert (points[:, 2] == 1).all()
    assert (data.get_data_info(3)['gt_keypoints'][..., 2] == 0).all()
    assert data.get_data_info(4)['gt_keypoints'][0, 0].tolist() == [1, 2, 1]


def test_a_side_that_is_rounded_moves_no_landmark(tmp_path):
    """160 by 2.4 pixels are 160 by 2: what lies at the lower border stays there."""
    image = np.zeros((60, 4000, 3), np.uint8)
    image[30:, 3000:] = 255
    fakes.write_image(tmp_path / 'a.png', image)
    save_annotation(tmp_path / 'a.json', {}, [{'img_path': 'a.png', 'gt_label': 0}])
    extract_landmarks(str(tmp_path / 'a.json'), detector={'type': 'BrightSpotDetector'})
    x, y = json.loads((tmp_path / 'a.json').read_text())['data_list'][0]['keypoints'][0]
    assert abs(x - 3012.5) < 0.1 and abs(y - 45) < 0.1  # the middle of the first bright pixel


def test_it_goes_on_and_repeats_nothing(annotation):
    (annotation.parent / '1.png').write_bytes(b'')
    config = dict(detector={'type': 'BrightSpotDetector'})
    with pytest.raises(ConversionError, match='unreadable image: 1.png is empty'):
        extract_landmarks(str(annotation), **config, strict=True)
    assert sum(CALLS) == 3 and 'keypoints' not in annotation.read_text().splitlines()[2]
    fakes.write_image(annotation.parent / '1.png', np.full((40, 40, 3), 255, np.uint8))
    extract_landmarks(str(annotation), **config, strict=True)
    assert sum(CALLS) == 4
    before = json.loads(annotation.read_text())
    extract_landmarks(str(annotation), **config)
    assert sum(CALLS) == 4 and json.loads(annotation.read_text()) == before
    extract_landmarks(str(annotation), **config, overwrite=True)
    assert sum(CALLS) == 9


def test_unreadable_images_stay_without_landmarks_for_a_later_run(annotation):
    (annotation.parent / '1.png').rename(annotation.parent / 'away.png')
    config = dict(detector={'type': 'BrightSpotDetector'})
    lines = extract_landmarks(str(annotation), **config)
    assert lines[0].endswith('found in 2 of 4 images') and 'skipped: unreadable image: 1' in lines
    assert 'keypoints' not in json.loads(annotation.read_text())['data_list'][1]
    lines = extract_landmarks(str(annotation), **config)
    assert lines[0].endswith('found in 0 of 1 images') and 'skipped: unreadable image: 1' in lines
    (annotation.parent / 'away.png').rename(annotation.parent / '1.png')
    assert extract_landmarks(str(annotation), **config)[0].endswith('found in 1 of 1 images')


def test_a_wrong_root_writes_nothing(annotation, tmp_path):
    before = annotation.read_bytes()
    (tmp_path / 'wrong').mkdir()
    files = sorted(tmp_path.iterdir())
    config = dict(detector={'type': 'BrightSpotDetector'})
    with pytest.raises(
        ConversionError, match="wrong' has none of the images, the first of which is '0.png'"
    ):
        extract_landmarks(str(annotation), str(tmp_path / 'wrong'), **config)
    assert annotation.read_bytes() == before and sorted(tmp_path.iterdir()) == files


def test_a_wrong_detector_ends_before_the_processes_start(annotation):
    rows = [{'img_path': f'{i}.png', 'gt_label': 0} for i in range(70)]
    save_annotation(annotation, {'classes': ['x']}, rows)
    with pytest.raises(KeyError, match='MTCN is not in'):
        extract_landmarks(str(annotation), detector={'type': 'MTCN'}, workers=2)


@pytest.mark.parametrize('text', ["{'type': 'MTCNN'", 'MTCNN', "{'typ': 'MTCNN'}"])
def test_a_mistyped_detector_is_no_traceback(annotation, capsys, text):
    with pytest.raises(SystemExit) as end:
        run_tool('dataset_converters/extract_landmarks.py', annotation, '--detector', text)
    assert end.value.code == 2
    assert f'argument --detector: got {text!r}, expected a config' in capsys.readouterr().err


@pytest.mark.parametrize('wrong', [dict(side=-5), dict(border=-1.0), dict(border=float('nan'))])
def test_a_wrong_size_of_the_detectors_image_changes_nothing(annotation, wrong):
    before = annotation.read_bytes()
    with pytest.raises(ConversionError, match='side, border: got .*expected a number of pixels'):
        extract_landmarks(str(annotation), detector={'type': 'BrightSpotDetector'}, **wrong)
    assert annotation.read_bytes() == before and not CALLS


def test_a_run_with_nothing_to_find_takes_no_credit(annotation):
    extract_landmarks(str(annotation), detector={'type': 'BrightSpotDetector'})
    extract_landmarks(str(annotation), detector={'type': 'MTCNN'})
    assert json.loads(annotation.read_text())['metainfo']['landmarks'] == 'BrightSpotDetector'


def test_class_folders_get_landmarks_by_an_annotation_file(tmp_path, capsys):
    for name in ('joy/a.jpg', 'calm/b.png'):
        fakes.write_image(tmp_path / 'train' / name, np.full((40, 40, 3), 255, np.uint8))
    run_tool('dataset_converters/folder.py', tmp_path / 'train', '--classes', 'joy', 'calm')
    assert '2 images of joy, calm' in capsys.readouterr().out
    extract_landmarks(str(tmp_path / 'train.json'), detector={'type': 'BrightSpotDetector'})
    classes = dict(classes=['joy', 'calm'])
    data = FERFolder('train.json', str(tmp_path), metainfo=classes)
    assert data.get_gt_labels().tolist() == [0, 1]
    assert data.get_data_info(1)['img_path'] == str(tmp_path / 'train/calm/b.png')
    assert data.get_data_info(1)['gt_keypoints'][..., 2].all()


def test_an_annotation_file_of_class_folders_lies_above_them(tmp_path):
    fakes.write_image(tmp_path / 'train/joy/a.png', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ConversionError, match=r'out: got .*, expected a file in a folder that'):
        annotate_folder(tmp_path / 'train', tmp_path / 'other/train.json')
    with pytest.raises(FileNotFoundError, match='no folder'):
        annotate_folder(tmp_path / 'none')
    assert not list(tmp_path.rglob('*.json'))
