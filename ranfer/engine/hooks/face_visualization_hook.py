"""Pictures of single predictions."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence

from mmengine.dist import get_dist_info
from mmengine.fileio import join_path
from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.structures import DataSample

from ranfer.registry import HOOKS


@HOOKS.register_module()
class FaceVisualizationHook(VisualizationHook):
    """MMPretrain's hook for pictures of single predictions, for what ranfer's loaders deliver.

    Loaders deliver BGR, or ready crops, or several views of a face under test-time augmentation,
    where visualizers take one RGB image: MMPretrain's own hook would swap red and blue. Drawn are
    the face (of several views the first, whose fields MMPretrain's averaged sample carries) and, by
    :class:`ranfer.visualization.RANVisualizer`, the attention. Names of pictures begin with the
    number of the face, for faces in several folders may be called alike.

    Args:
        **kwargs: Arguments of MMPretrain's ``VisualizationHook``: ``enable`` (False by default),
            ``interval``, ``show``, ``out_dir``.

    Example:
        >>> default_hooks = dict(
        ...     visualization=dict(type='ranfer.FaceVisualizationHook', enable=True, interval=100))
        >>> visualizer = dict(type='ranfer.RANVisualizer')
    """

    _drawn_to = 0

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
        rank, processes = get_dist_info()
        first = 0 if batch_idx == 0 else self._drawn_to
        self._drawn_to = first + len(data_samples)
        for place, (view, sample) in enumerate(zip(views, data_samples)):
            number = (first + place) * processes + rank
            if number % self.interval:
                continue
            face, sample = face_of_input(view.cpu().numpy(), sample)
            name = f'{number:06d}_{osp.basename(sample.get("img_path", "face"))}'
            target = {}
            if self.out_dir is not None:
                target['out_file'] = join_path(self.out_dir, f'{name}_{step}.png')
            self._visualizer.visualize_cls(
                image=face, data_sample=sample, step=step, name=name, **self.draw_args, **target
            )
