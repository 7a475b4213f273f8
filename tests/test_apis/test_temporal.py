"""Several frames of a person as one set of regions."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from ranfer.apis.cut_face import CutFace
from ranfer.apis.temporal import TrackScores

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (80, 60, 3), dtype=np.uint8)


def test_window_takes_the_last_frames_of_a_track(tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 4)
    infer = tiny.inferencer()
    alone = [r.faces[0].probability for r in infer.stream(source, smoothing=0)]
    one = [r.faces[0].probability for r in infer.stream(source, window=1)]
    np.testing.assert_allclose(one, alone, atol=1e-5)
    frames = list(infer.analyse(source, window=3, batch_size=2))
    expected = infer.classifier.join([frame.scores[0] for frame in frames[1:]])
    shown = list(frames[3].result.faces[0].probabilities.values())
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_window_needs_frames_and_a_neck(tmp_path):
    source = tiny.write_video(tmp_path / 'a.avi', 1)
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


def test_frames_of_tracks_that_ended_are_forgotten():
    classifier = tiny.inferencer().classifier
    tracks = TrackScores(classifier, window=2)
    scores = classifier.predict([CutFace(IMAGE[:40, :40], np.eye(2, 3), None)])
    boxes = np.array([[0.0, 0, 10, 10]])
    for count in [1, *[0] * 16, 1]:
        numbers, _ = tracks.update(boxes[:count], scores[:count])
    assert numbers.tolist() == list(tracks._past) == [1]
