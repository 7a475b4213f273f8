from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmpretrain.structures import DataSample

from ranfer.engine.hooks import RANVisualizationHook
from ranfer.evaluation import FERMetric

CLASSES = ('neutral', 'happiness', 'anger')


def predictions(count: int) -> list[DataSample]:
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        sample = DataSample(
            metainfo=dict(
                img_path=f'{index}.png',
                sample_idx=index,
                img_shape=(24, 24),
                regions=np.array([[0, 0, 24, 24], [0, 0, 18, 18]], np.float32),
                region_mask=np.ones(2, bool),
                conditions=('occlusion',) if index % 2 else (),
            )
        )
        scores = torch.tensor(rng.dirichlet(np.ones(3)), dtype=torch.float32)
        sample.set_pred_score(scores).set_pred_label(scores.argmax()).set_gt_label(index % 3)
        for key in ('self_weights', 'relation_weights', 'region_weights'):
            sample.set_field(torch.tensor([0.4, 0.6]), key)
        samples.append(sample)
    return samples


def test_writes_all_pictures(tmp_path):
    evaluator = Evaluator(FERMetric())
    evaluator.dataset_meta = dict(classes=CLASSES)
    shown = {}
    visualizer = SimpleNamespace(add_image=lambda name, image, step: shown.update({name: image}))
    runner = SimpleNamespace(test_evaluator=evaluator, visualizer=visualizer)
    hook = RANVisualizationHook(num_faces=2, out_dir=str(tmp_path))
    batch = dict(inputs=torch.zeros(4, 3, 24, 24, dtype=torch.uint8), data_samples=[None] * 4)
    hook.before_test_epoch(runner)
    samples = predictions(4)
    hook.after_test_iter(runner, 0, batch, samples)
    evaluator.process(data_samples=samples, data_batch=batch)
    evaluator.evaluate(4)
    hook.after_test_epoch(runner)
    expected = {
        'confusion',
        'conditions',
        'reliability',
        'region_weights',
        'attention_0',
        'attention_1',
    }
    assert set(shown) == expected
    assert {path.name for path in tmp_path.iterdir()} == {f'{name}_0.png' for name in expected}


def test_faces_under_test_time_augmentation_are_not_drawn():
    hook = RANVisualizationHook(num_faces=2)
    faces = torch.zeros(3, 3, 24, 24, dtype=torch.uint8)
    views = [predictions(3), predictions(3)]
    for inputs in ([faces, faces], [list(faces), list(faces)]):  # default_collate, pseudo_collate
        hook.before_test_epoch(None)
        hook.after_test_iter(None, 0, dict(inputs=inputs, data_samples=views), predictions(3))
        assert hook._faces == []
        assert len(hook._predictions) == 3


def test_refuses_negative_number():
    with pytest.raises(ValueError, match='num_faces must be at least 0, got -1'):
        RANVisualizationHook(num_faces=-1)
