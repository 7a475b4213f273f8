"""Weights reach the model they fit, whatever is around it."""

from __future__ import annotations

import pytest
import torch
import torchvision
from mmengine.model import BaseModel, BaseTTAModel

from ranfer.engine.weights import check_fit, load_weights


def save(tmp_path, content):
    path = str(tmp_path / 'model.pth')
    torch.save(content, path)
    return path


class _Net(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError


class _Wrapper(BaseTTAModel):
    def merge_preds(self, data_samples_list):
        raise NotImplementedError


def test_weights_reach_the_model_within_a_wrapper(tmp_path):
    model = _Net()
    model.fc = torch.nn.Linear(2, 1)
    path = save(
        tmp_path, dict(state_dict={'fc.weight': torch.ones(1, 2), 'fc.bias': torch.ones(1)})
    )
    load_weights(_Wrapper(model), path)
    assert model.fc.weight.tolist() == [[1, 1]]
    with pytest.raises(ValueError, match='does not fit the config'):
        load_weights(_Wrapper(_Net()), path)


@pytest.mark.parametrize('content', [dict(state_dict=[1, 2]), {1: 2}])
def test_weights_without_names_are_one_sentence(tmp_path, content):
    path = save(tmp_path, content)
    with pytest.raises(ValueError, match='holds no state_dict that maps names to tensors'):
        load_weights(_Net(), path)
    with pytest.raises(ValueError, match='holds no state_dict that maps names to tensors'):
        check_fit(_Net(), content, path)


def test_weights_keep_the_versions_of_their_modules(tmp_path):
    net = torchvision.models.mnasnet0_5()
    path = save(tmp_path, dict(state_dict=torch.nn.DataParallel(net).state_dict()))
    load_weights(torchvision.models.mnasnet0_5(), path)
