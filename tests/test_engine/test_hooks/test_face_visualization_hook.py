from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.visualization import Visualizer
from mmpretrain.structures import DataSample

from ranfer.engine.hooks import FaceVisualizationHook

RED_IN_BGR = torch.tensor([0, 0, 200], dtype=torch.uint8)[:, None, None]


@pytest.fixture
def hook() -> FaceVisualizationHook:
    Visualizer.get_instance('face_visualization_hook')
    hook = FaceVisualizationHook(enable=True, interval=2)
    hook.drawn = []
    hook._visualizer = SimpleNamespace(visualize_cls=lambda **kwargs: hook.drawn.append(kwargs))
    return hook


def samples(count: int, size: int) -> list[DataSample]:
    boxes = np.array([[0, 0, size, size], [0, 0, size / 2, size / 2]], np.float32)
    return [
        DataSample(metainfo=dict(img_path=f'{i}.png', img_shape=(size, size), regions=boxes))
        for i in range(count)
    ]


def test_faces_are_handed_over_in_rgb(hook):
    faces = RED_IN_BGR.expand(3, 3, 8, 8)
    hook.after_test_iter(None, 0, dict(inputs=faces, data_samples=samples(3, 8)), samples(3, 8))
    assert [picture['name'] for picture in hook.drawn] == ['000000_0.png', '000002_2.png']
    assert hook.drawn[0]['image'].shape == (8, 8, 3)
    assert (hook.drawn[0]['image'] == [200, 0, 0]).all()


def test_boxes_follow_ready_crops(hook):
    crops = RED_IN_BGR.expand(1, 2, 3, 4, 4)
    hook.after_test_iter(None, 0, dict(inputs=crops, data_samples=samples(1, 8)), samples(1, 8))
    assert hook.drawn[0]['image'].shape == (4, 4, 3)
    np.testing.assert_array_equal(hook.drawn[0]['data_sample'].regions[0], [0, 0, 4, 4])


def test_of_several_views_the_first_is_drawn_whose_weights_the_sample_has(hook):
    face = RED_IN_BGR.expand(1, 3, 8, 8)
    batch = dict(inputs=[face, face * 0], data_samples=[samples(1, 8), samples(1, 8)])
    hook.after_test_iter(None, 0, batch, samples(1, 8))
    assert (hook.drawn[0]['image'] == [200, 0, 0]).all()


def test_nothing_is_drawn_by_default(hook):
    hook.enable = FaceVisualizationHook().enable
    hook.after_test_iter(None, 0, {}, [])
    assert hook.drawn == []


def test_every_so_many_faces_are_drawn_into_files_of_their_own(hook, tmp_path):
    hook.interval, hook.out_dir = 3, str(tmp_path)
    for _ in range(2):  # a second evaluation counts anew
        hook.drawn.clear()
        for batch, count in enumerate((4, 4, 2)):
            faces = RED_IN_BGR.expand(count, 3, 8, 8)
            drawn = samples(count, 8)
            for sample in drawn:
                sample.set_metainfo(dict(img_path='folder/face.png'))
            hook.after_test_iter(None, batch, dict(inputs=faces, data_samples=drawn), drawn)
        names = [picture['out_file'] for picture in hook.drawn]
        assert names == [str(tmp_path / f'{i:06d}_face.png_0.png') for i in (0, 3, 6, 9)]
