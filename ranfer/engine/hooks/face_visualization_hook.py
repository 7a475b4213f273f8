"""Pictures of single predictions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.structures import DataSample

from ranfer.registry import HOOKS


@HOOKS.register_module()
class FaceVisualizationHook(VisualizationHook):
    """MMPretrain's hook for pictures of single predictions, for what ranfer's loaders deliver.

    Loaders deliver BGR, or ready crops, or several views of a face under test-time augmentation,
    where visualizers take one RGB image: MMPretrain's own hook would swap red and blue. Drawn are
    the face (of several views the first, whose fields MMPretrain's averaged sample carries) and, by
    :class:`ranfer.visualization.RANVisualizer`, the attention.

    Args:
        **kwargs: Arguments of MMPretrain's ``VisualizationHook``: ``enable`` (False by default),
            ``interval``, ``show``, ``out_dir``.

    Example:
        >>> default_hooks = dict(
        ...     visualization=dict(type='ranfer.FaceVisualizationHook', enable=True, interval=100))
        >>> visualizer = dict(type='ranfer.RANVisualizer')
    """

    def _draw_samples(
        self,
        batch_idx: int,
        data_batch: dict,
        data_samples: Sequence[DataSample],
        step: int = 0,
    ) -> None:
        if not self.enable:
            return
        from ranfer.visualization.visualizer import face_of_input

        several_views = isinstance(data_batch['data_samples'][0], (list, tuple))
        views = data_batch['inputs'][0] if several_views else data_batch['inputs']
        drawn = [face_of_input(view.cpu().numpy(), s) for view, s in zip(views, data_samples)]
        faces = [torch.from_numpy(face).permute(2, 0, 1) for face, _ in drawn]
        super()._draw_samples(batch_idx, dict(inputs=faces), [s for _, s in drawn], step)
