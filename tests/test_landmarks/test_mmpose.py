"""With mmpose itself (docs/mmpose.md); everything here is skipped where it is not installed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from ranfer.datasets.annotation import load_annotation, save_annotation
from ranfer.datasets.converters.landmarks import extract_landmarks
from ranfer.datasets.converters.mmpose import annotation_to_mmpose
from ranfer.datasets.synthetic import draw
from ranfer.landmarks.points import FIVE_POINTS, SWAP
from ranfer.registry import FACE_DETECTORS

mmpose = pytest.importorskip('mmpose.apis', reason='mmpose is not installed, see docs/mmpose.md')
CONFIG = Path(__file__).resolve().parents[2] / 'configs' / 'mmpose' / 'rtmpose-t_synthfer.py'


@pytest.fixture
def faces(tmp_path):
    """Folder with eight drawn faces and their annotation."""
    rows = []
    for seed in range(8):
        image, truth = draw(seed=seed, size=96, yaw=0)
        cv2.imwrite(str(tmp_path / f'{seed}.png'), image)
        points = np.asarray(truth.keypoints, float).round(2).tolist()
        rows.append({'img_path': f'{seed}.png', 'gt_label': 0, 'keypoints': points})
    save_annotation(tmp_path / 'faces.json', {'classes': ['a']}, rows)
    return tmp_path


@pytest.mark.parametrize(('data', 'count'), [('300w', 68), ('wflw', 98), ('lapa', 106)])
def test_five_points_mirror_as_mmpose_says(data, count):
    root = Path(mmpose.__file__).parents[1] / '.mim' / 'configs' / '_base_' / 'datasets'
    info = Config.fromfile(root / f'{data}.py').dataset_info.keypoint_info
    number = {point['name']: key for key, point in info.items()}
    assert len(number) == count
    mirror = {key: number[point['swap'] or point['name']] for key, point in info.items()}
    for group, other in zip(FIVE_POINTS[count], SWAP):
        assert sorted(mirror[i] for i in group) == sorted(FIVE_POINTS[count][other])


def test_detector_equals_mmpose(faces):
    detector = FACE_DETECTORS.build(dict(type='MMPoseDetector', config=str(CONFIG)))
    images = [cv2.imread(str(faces / f'{i}.png')) for i in range(3)]
    found = detector.detect(images)
    for image, one in zip(images, found):
        sample = mmpose.inference_topdown(detector._model, image)[0]
        np.testing.assert_allclose(one.landmarks[0], sample.pred_instances.keypoints[0] + 0.5)
        assert one.boxes.tolist() == [[0, 0, 96, 96]] and 0 <= one.scores[0] <= 1


def test_a_face_model_trains_and_fills_an_annotation(faces):
    annotation_to_mmpose(str(faces / 'faces.json'), str(faces / 'coco.json'))
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(faces / 'work')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.update(data_root=str(faces), ann_file='coco.json')
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler = None
    runner = Runner.from_cfg(cfg)
    runner.train()
    scores = runner.val_loop.run()
    assert 0 < scores['NME'] < 5
    detector = dict(
        type='MMPoseDetector', config=str(CONFIG), checkpoint=str(faces / 'work' / 'epoch_1.pth')
    )
    out = str(faces / 'found.json')
    extract_landmarks(
        str(faces / 'faces.json'), out=out, detector=detector, side=0, border=0, overwrite=True
    )
    found = load_annotation(out)['data_list']
    true = json.load(open(faces / 'faces.json'))['data_list']
    places, truth = (np.array([row['keypoints'] for row in rows]) for rows in (found, true))
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    error = (np.linalg.norm(places - truth, axis=2) / eyes[:, None]).mean()
    # mmpose's reader of COCO files ends a box at the last pixel, one short of the image's edge.
    assert error == pytest.approx(scores['NME'], rel=2e-2)
