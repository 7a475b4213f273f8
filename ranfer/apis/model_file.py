"""A model as data: its weights and plain values that say how to build and feed it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmpretrain import registry as mmpretrain_registry
from torch import Tensor, nn

from ranfer.apis.checks import check_meta, check_types, check_weights
from ranfer.apis.face_input import FACE_INPUTS, FaceInput
from ranfer.engine.atomic import open_beside
from ranfer.engine.checkpoint import load_checkpoint
from ranfer.engine.launch import read_config
from ranfer.engine.model_input import MODEL_META, input_of_config, other_input
from ranfer.engine.weights import first_misfit
from ranfer.registry import DATASETS
from ranfer.utils.scope import registered_only

WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
"""Folder of the shipped weights."""

DEFAULT_MODEL = 'ran_r18_ferplus_scratch'
"""The most accurate of them."""

_NEVER = (
    *('init_cfg', 'pretrained', 'weights', 'checkpoint_path'),
    *('answer_list_path', 'tokenizer_path'),
)
"""Keys that fetch weights or words from elsewhere; the file brings its own."""


@dataclass(frozen=True)
class ModelFile:
    """A trained model without any code.

    Attributes:
        model: Config of the model with its data preprocessor, plain values.
        classes: Class names.
        regions: Config of the region strategy.
        seed: Seed of the strategy.
        face: How a face is cut.
        dataset: Name of the training data set, '' if unknown.
        state_dict: Weights.
    """

    model: dict
    classes: tuple[str, ...]
    regions: dict
    seed: int
    face: FaceInput
    dataset: str
    state_dict: Mapping[str, Tensor]

    @classmethod
    def from_config(cls, config: str | Config, checkpoint: str) -> ModelFile:
        """Take a model from a training config and its checkpoint.

        A warning tells if the checkpoint was trained with other settings than the config has.

        Args:
            config: Config or its path.
            checkpoint: Checkpoint file.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If the config has no test pipeline with regions, or the file no weights.
        """
        cfg = (config if isinstance(config, Config) else read_config(config)).to_dict()
        saved = load_checkpoint(checkpoint, map_location='cpu')
        if 'state_dict' not in saved:
            raise ValueError(
                f'Checkpoint {checkpoint} has no state_dict; give one that tools/train.py wrote.'
            )
        data = _test_data(cfg)
        dataset = data['type'].split('.')[-1]
        step = _region_step(data['pipeline'])
        meta = saved.get('meta', {}).get('dataset_meta') or {}
        model = cfg['model']
        model.setdefault('data_preprocessor', cfg.get('data_preprocessor', {}))
        if warning := other_input(input_of_config(model), saved, os.fspath(checkpoint)):
            warnings.warn(warning, stacklevel=2)
        if step.get('crop_size'):  # ready crops, which the preprocessor passes as they are
            model['data_preprocessor']['crop_size'] = step['crop_size']
        face = cfg.get('face_input')
        return cls(
            model=model,
            classes=tuple(meta.get('classes') or _classes_of(dataset)),
            regions=step.get('strategy') or dict(type='FixedRegions'),
            seed=step.get('seed') or 0,
            face=FACE_INPUTS.get(dataset, FaceInput()) if face is None else FaceInput(**face),
            dataset=dataset,
            state_dict=saved['state_dict'],
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> ModelFile:
        """Read a model file; nothing in it is executed.

        Args:
            path: File that :meth:`save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no model file.
        """
        path = os.fspath(path)
        saved = load_checkpoint(path, map_location='cpu')
        meta = saved.get('meta')
        meta = meta.get(MODEL_META) if isinstance(meta, dict) else None
        if meta is None:
            raise ValueError(
                f'{path!r} is a checkpoint without the config of its model; give the config too, '
                f'or make a model file with tools/model_converters/publish_model.py.'
            )
        meta = _as_json(meta, path)
        check_meta(meta, path)
        check_types(meta['regions'])
        weights: Any = saved.get('state_dict')
        if isinstance(weights, dict):  # past methods that a file may put in place of a dict's own
            weights = dict(dict.items(weights))
        check_weights(weights, path)
        values = {key: value for key, value in meta.items() if key not in ('version', 'face')}
        values['classes'] = tuple(values['classes'])
        return cls(**values, face=FaceInput(**meta['face']), state_dict=weights)

    def save(self, path: str | os.PathLike, dtype: torch.dtype = torch.float16) -> None:
        """Write weights and plain values; missing folders are made.

        Args:
            path: Target.
            dtype: Floating-point type of the weights. Defaults to half precision.

        Raises:
            ValueError: If a weight does not fit the range of ``dtype``, or :meth:`load` would
                refuse a value.
        """
        weights = {name: _cast(name, value, dtype) for name, value in self.state_dict.items()}
        meta = {key: value for key, value in vars(self).items() if key != 'state_dict'}
        meta.update(version=1, face=asdict(self.face), classes=list(self.classes))
        meta = json.loads(json.dumps(meta))
        check_meta(meta, os.fspath(path))
        with open_beside(path) as file:
            torch.save(dict(meta={MODEL_META: meta}, state_dict=weights), file)

    def build(self) -> nn.Module:
        """Build the model with its weights, on the CPU, in evaluation mode and float32.

        Raises:
            ValueError: If the config names something that is no registered component, or the
                weights do not fit it or are not finite.
        """
        config = _without(self.model, _NEVER)
        check_types(config)
        try:
            with registered_only('mmpretrain'):
                model = mmpretrain_registry.MODELS.build(config)
        except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError) as error:
            raise ValueError(
                f'The model cannot be built from its config ({error}); use a file made for this '
                f'release.'
            ) from error
        weights = {
            name: value.float() if value.is_floating_point() else value
            for name, value in self.state_dict.items()
        }
        broken = [name for name, value in weights.items() if not value.isfinite().all()]
        if broken:
            raise ValueError(
                f'Weights of the model are not finite ({", ".join(broken[:2])}): its training '
                f'diverged; use an earlier checkpoint.'
            )
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f'The weights do not fit the model ({first_misfit(error)}); use the config the '
                f'checkpoint was trained with.'
            ) from error
        return model.eval()


def shipped_models() -> list[str]:
    """Names of the models that come with ranfer, the default first."""
    names = (path.stem for path in WEIGHTS.glob('*.pth'))
    return sorted(names, key=lambda name: (name != DEFAULT_MODEL, name))


def model_path(model: str | None) -> str | Path:
    """Path of a model file, or of a shipped model by its name; None for the default.

    Raises:
        FileNotFoundError: If it is neither a path nor the name of a shipped model.
    """
    if model is None or not (
        os.sep in model or model.endswith(('.pth', '.pt')) or os.path.isfile(model)
    ):
        return find_model(model)
    return model


def find_model(name: str | None) -> Path:
    """Path of a shipped model.

    Args:
        name: Its name, or None for the default.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    names = shipped_models()
    if not names:
        raise FileNotFoundError(
            'No weights are shipped with this copy of ranfer (ranfer/weights is empty); give a '
            'model file, or a config with its checkpoint.'
        )
    if name is not None and name not in names:
        raise FileNotFoundError(
            f'Model {name!r} is neither a file nor shipped; the shipped ones are '
            f'{", ".join(names)}.'
        )
    return WEIGHTS / f'{name or names[0]}.pth'


def _as_json(meta: object, path: str) -> Any:
    """Plain values alone, made anew: other objects could hide something from the checks."""
    try:
        return json.loads(json.dumps(meta))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f'Model file {path!r} describes its model by more than plain values ({error}); make it '
            f'with tools/model_converters/publish_model.py of this release.'
        ) from error


def _test_data(cfg: dict) -> dict:
    """The test data set of a config, whose pipeline says how a face is fed to the model."""
    if cfg.get('test_dataloader') is None:
        raise ValueError(
            'The config has no test_dataloader, which says how a face is fed to the model; give '
            'the config of the training.'
        )
    data = cfg['test_dataloader']['dataset']
    if 'pipeline' not in data:
        raise ValueError(
            f'test_dataloader.dataset is a {data.get("type")} without a pipeline of its own, which '
            f'says how a face is fed to the model; give the config of one data set.'
        )
    return data


def _region_step(pipeline: list[dict]) -> dict:
    for step in pipeline:
        if step['type'].split('.')[-1] == 'RegionCropTransform':
            return step
    raise ValueError(
        'The test pipeline of the config has no RegionCropTransform; give a config of ranfer.'
    )


def _classes_of(dataset: str) -> tuple[str, ...]:
    cls = DATASETS.get(dataset)
    classes = getattr(cls, 'METAINFO', {}).get('classes')
    if not classes:
        raise ValueError(
            f'Neither the checkpoint nor the data set {dataset} says what the classes are called; '
            f'give a checkpoint that tools/train.py wrote.'
        )
    return tuple(classes)


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    """A config without some keys, on every level."""
    if isinstance(value, Mapping):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    return [_without(item, keys) for item in value] if isinstance(value, (list, tuple)) else value


def _cast(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    if not value.is_floating_point():
        return value
    cast = value.to(dtype)
    if not torch.isfinite(cast).all():
        raise ValueError(
            f'The weight {name} has values that do not fit {dtype} (largest '
            f'{float(value.abs().max()):g}); keep it in float32.'
        )
    return cast.contiguous()
