"""Every config builds: model, pipelines, and numbers that must agree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS, TRANSFORMS, VISUALIZERS

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / 'configs').rglob('*.py')
    if not {'_base_', 'mmpose'} & set(path.relative_to(ROOT).parts)  # mmpose/ is no classifier
)


@pytest.mark.parametrize('name', CONFIGS)
def test_config_builds(name):
    cfg = Config.fromfile(ROOT / name)
    cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(cfg.model)
    assert model.head.num_classes == cfg.data_preprocessor.num_classes
    for split in ('train', 'val', 'test'):
        for step in cfg[f'{split}_dataloader'].dataset.pipeline:
            TRANSFORMS.build(step)
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size or 'debug' in name


def test_default_runtime_needs_no_extra(monkeypatch, tmp_path):
    """What `pip install mmcv-lite -e .` brings is enough to start a training."""
    for name in ('tensorboard', 'tensorboardX', 'torch.utils.tensorboard'):
        monkeypatch.setitem(sys.modules, name, None)
    cfg = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py')
    visualizer = VISUALIZERS.build(dict(cfg.visualizer, name=str(tmp_path), save_dir=str(tmp_path)))
    visualizer.add_config(cfg)
    visualizer.add_scalar('loss', 1.0)
    assert (tmp_path / 'vis_data/config.py').is_file()


def regions_of(name: str) -> list[str]:
    cfg = Config.fromfile(ROOT / name)
    return [
        step.strategy.type
        for split in ('train', 'val', 'test')
        for step in cfg[f'{split}_dataloader'].dataset.pipeline
        if step.type == 'ranfer.RegionCropTransform'
    ]


def test_strategy_example_changes_every_split():
    assert regions_of('configs/examples/swap_strategy.py') == ['LandmarkRegions'] * 3


def test_data_set_example_has_one_order_of_classes():
    cfg = Config.fromfile(ROOT / 'configs/examples/swap_dataset.py')
    data = [cfg[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    assert [d.data_root.removeprefix(cfg.data_root) for d in data] == ['train', 'valid', 'valid']
    assert all(d.metainfo.classes == cfg.classes for d in data)
    assert cfg.model.head.num_classes == len(cfg.classes) == cfg.data_preprocessor.num_classes


@pytest.mark.parametrize('data', ['rafdb', 'ferplus', 'affectnet', 'sfew', 'synthfer'])
def test_baseline_differs_from_ran_in_the_model_alone(data):
    ran = Config.fromfile(ROOT / f'configs/ran/ran_r18_{data}.py')
    plain = Config.fromfile(ROOT / f'configs/baseline/r18_{data}.py')
    for key in ('train_dataloader', 'val_dataloader', 'optim_wrapper', 'param_scheduler'):
        assert ran[key] == plain[key], key
    assert plain.data_preprocessor.num_regions == 1
    assert plain.model.head.type == 'ranfer.Float32LinearHead'
    assert ran.data_preprocessor.crop_size == plain.data_preprocessor.crop_size
