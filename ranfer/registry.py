"""Registries of ranfer: children of MMEngine's root registries under the scope ``ranfer``.

Any OpenMMLab library reaches the components by prefix once :mod:`ranfer` is imported, for example
``neck=dict(type='ranfer.RANNeck', in_channels=512)`` with the config line
``custom_imports=dict(imports=['ranfer'])``.
The modules that define the components are imported on the first look-up.
"""

from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry

from ranfer.utils.scope import in_scope


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(
        parent.name, parent=parent, scope='ranfer', locations=[f'ranfer.{x}' for x in locations]
    )


MODELS = _child(root.MODELS, 'models')
DATASETS = _child(root.DATASETS, 'datasets')
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _child(root.TRANSFORMS, 'datasets.transforms')
FUNCTIONS = _child(root.FUNCTIONS, 'datasets')
METRICS = _child(root.METRICS, 'evaluation')
HOOKS = _child(root.HOOKS, 'engine')
VISUALIZERS = _child(root.VISUALIZERS, 'visualization')
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, 'engine')


class _OwnRegistry(Registry):
    """A registry without a parent: builds in its own scope, whatever the default scope is."""

    def build(self, cfg: dict, *args: Any, **kwargs: Any) -> Any:
        with in_scope('ranfer'):  # without its lock, threads would leave each other's scope behind
            return super().build(dict(cfg, _scope_='ranfer'), *args, **kwargs)


REGIONS = _OwnRegistry('region strategy', scope='ranfer', locations=['ranfer.regions'])
"""Region strategies, functions of image size and landmarks that return boxes."""

FACE_DETECTORS = _OwnRegistry('face detector', scope='ranfer', locations=['ranfer.landmarks'])
"""Back ends that find faces and five landmarks."""
