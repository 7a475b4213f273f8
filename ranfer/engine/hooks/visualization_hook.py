"""Pictures after every evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ranfer.registry import HOOKS


@HOOKS.register_module()
class RANVisualizationHook(Hook):
    """Hand pictures of every evaluation to the visualizer's back ends.

    There are: ``confusion`` and ``conditions`` from :class:`ranfer.evaluation.FERMetric`,
    ``reliability``, ``region_weights`` by class and condition, and ``attention_0``, ... for the
    first samples, except under test-time augmentation. In distributed evaluation the last three
    show the samples of the main process.

    Args:
        num_faces: Number of samples whose attention is drawn. Defaults to 4.
        out_dir: Folder of further files ``<picture>_<step>.png``. Defaults to None; the local back
            end writes such files into ``vis_data/vis_image``.

    Raises:
        ValueError: If ``num_faces`` is negative.

    Example:
        >>> custom_hooks = [dict(type='ranfer.RANVisualizationHook', num_faces=4)]
    """

    priority = 'LOW'

    def __init__(self, num_faces: int = 4, out_dir: str | None = None) -> None:
        if num_faces < 0:
            raise ValueError(f'RANVisualizationHook.num_faces must be at least 0, got {num_faces}.')
        self.num_faces = num_faces
        self.out_dir = out_dir
        self._predictions: list = []
        self._faces: list[tuple] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Forget the samples of an evaluation that was broken off."""
        self._predictions, self._faces = [], []

    before_test_epoch = before_val_epoch

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence = ()
    ) -> None:
        """Keep what the pictures need of a batch."""
        if not is_main_process():
            return
        from ranfer.visualization.evaluation import Prediction

        self._predictions += [Prediction.from_sample(x) for x in outputs if 'gt_label' in x]
        if isinstance(data_batch['data_samples'][0], (list, tuple)):  # several views of each face
            return
        for inputs, sample in zip(data_batch['inputs'], outputs):
            if 'region_weights' in sample and len(self._faces) < self.num_faces:
                self._faces.append((inputs.cpu().numpy(), sample.cpu()))

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the pictures, numbered by epoch, or iteration in iteration-based training."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._write(runner, runner.val_evaluator, runner.epoch if by_epoch else runner.iter)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the pictures under step 0."""
        self._write(runner, runner.test_evaluator, 0)

    def _write(self, runner: Runner, evaluator: Evaluator, step: int) -> None:
        if not is_main_process():
            return
        from ranfer.visualization.figure import write_picture

        for name, picture in self._pictures(evaluator).items():
            if self.out_dir is not None:
                write_picture(Path(self.out_dir) / f'{name}_{step}.png', picture)
            runner.visualizer.add_image(name, picture, step=step)
        self._predictions, self._faces = [], []

    def _pictures(self, evaluator: Evaluator) -> dict:
        from ranfer.visualization.evaluation import draw_predictions, draw_report
        from ranfer.visualization.visualizer import draw_sample, face_of_input

        classes = (evaluator.dataset_meta or {}).get('classes')
        pictures, overall = {}, None
        for metric in evaluator.metrics:
            if getattr(metric, 'report', None) is not None:
                pictures.update(draw_report(metric.report))
                overall = metric.report.overall
        if self._predictions:
            pictures.update(draw_predictions(self._predictions, classes, overall))
        for index, (inputs, sample) in enumerate(self._faces):
            face, sample = face_of_input(inputs, sample)
            title = Path(sample.get('img_path') or '').name
            pictures[f'attention_{index}'] = draw_sample(face, sample, classes, title)
        return pictures
