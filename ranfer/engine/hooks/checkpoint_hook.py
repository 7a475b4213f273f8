"""Checkpoints that survive a kill, a full disk and a lost power supply."""

from __future__ import annotations

import inspect
import logging
import os.path as osp
import re
from pathlib import Path

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.optim import _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.nn.parallel import DistributedDataParallel

from ranfer.engine.atomic import TEMPORARY, write_atomically
from ranfer.engine.checkpoint import load_checkpoint
from ranfer.engine.model_input import INPUT_META, input_of
from ranfer.engine.weights import check_fit, without_wrappers
from ranfer.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, of which no kill leaves half a checkpoint or none.

    - Checkpoints and ``last_checkpoint`` appear in one step, the latter after the former.
    - An older checkpoint, best or not, is deleted after the newer one is on the disk.
    - ``--resume`` takes the checkpoint before if the newest cannot be read, with a warning.
    - ``--resume`` repeats an evaluation that was broken off, so no best checkpoint is missed.
    - ``--resume`` at a first start takes the weights of ``load_from``.
    - A checkpoint of which nothing fits the model is an error, one of which a part fits a warning.
    - A warning tells when the schedule of the checkpoint goes on in place of that of the config.

    In folders that are not local (``s3://...``) the first and third are up to the storage.

    Args:
        **kwargs: Keys of ``CheckpointHook``.

    Raises:
        TypeError: If ``CheckpointHook`` does not know a key.
        ValueError: If an evaluation does not give what ``save_best`` names.

    Example:
        >>> default_hooks = dict(
        ...     checkpoint=dict(
        ...         type='ranfer.SafeCheckpointHook', interval=1, max_keep_ckpts=3,
        ...         save_best='fer/accuracy', rule='greater'))
    """

    backend_args: dict | None

    def __init__(self, **kwargs) -> None:
        known = inspect.signature(CheckpointHook).parameters
        for key in kwargs:
            if key not in known:  # the parent keeps it for Runner.save_checkpoint, which refuses it
                text = f'SafeCheckpointHook.__init__() got an unexpected keyword argument {key!r}'
                raise TypeError(text)
        super().__init__(**kwargs)
        self._former_best: dict[str, str | None] = {}

    def before_run(self, runner: Runner) -> None:
        """Choose the newest checkpoint that can be read, if training is to resume from it.

        Raises:
            ValueError: If there are checkpoints and none can be read.
        """
        self._schedule = _schedule(runner)
        self._folder = self._out_folder(runner)
        if self._folder is None:
            return
        if self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(backend='ranfer.atomic')
        self.choose_checkpoint(runner)

    def choose_checkpoint(self, runner: Runner) -> None:
        """Choose where training resumes; a FlexibleRunner loads before its hooks are called."""
        folder = self._out_folder(runner)
        if folder is None or not runner._resume or runner._load_from is not None:
            return
        choice = [self._newest(folder, runner) if is_main_process() else None]
        broadcast_object_list(choice)
        runner._load_from = choice[0]
        if choice[0] is None:
            runner._load_from, runner._resume = runner.cfg.get('initial_load_from'), False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """See whether the checkpoint is one of this model, where the model is whole."""
        model = runner.model
        while isinstance(model, (DistributedDataParallel, BaseTTAModel)):
            model = model.module
        if not is_model_wrapper(model):
            check_fit(model, checkpoint, runner._load_from)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep how faces come into the model, see :mod:`ranfer.engine.model_input`."""
        checkpoint.setdefault('meta', {})[INPUT_META] = input_of(without_wrappers(runner.model))

    def before_train(self, runner: Runner) -> None:
        """Tidy up after a kill and repeat the evaluation that it broke off."""
        super().before_train(runner)
        if (schedule := _schedule(runner)) != self._schedule:
            print_log(
                f'The checkpoint was trained with another schedule than that of the config, and '
                f'goes on with it: {schedule} instead of {self._schedule}. Resume with the same '
                f'--epochs, or start anew from its weights with load_from.',
                'current',
                logging.WARNING,
            )
        if is_main_process() and self._folder is not None:
            for path in (
                *self._folder.glob('*.pth' + TEMPORARY),
                Path(runner.work_dir) / f'last_checkpoint{TEMPORARY}',
            ):
                path.unlink(missing_ok=True)
        self._remove(runner.message_hub.runtime_info.get('outdated_ckpts', []))
        self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')
        if self._evaluation_is_due(runner):
            runner.logger.info('The evaluation of the last checkpoint was not recorded; repeat it.')
            runner.val_loop.run()

    def _out_folder(self, runner: Runner) -> Path | None:
        """Where the checkpoints of this run lie, if it is a local folder."""
        folder = runner.work_dir
        if self.out_dir is not None and self.out_dir != runner.work_dir:
            folder = osp.join(self.out_dir, osp.basename(runner.work_dir.rstrip(osp.sep)))
        backend = get_file_backend(folder, backend_args=self.backend_args)
        return Path(folder) if isinstance(backend, LocalBackend) else None

    def _newest(self, folder: Path, runner: Runner) -> str | None:
        reasons = []
        for path in self._candidates(folder, Path(runner.work_dir) / 'last_checkpoint'):
            try:
                if not osp.isdir(path):  # DeepSpeed's are folders
                    load_checkpoint(path, map_location='cpu')
            except (OSError, ValueError) as error:
                reasons.append(str(error))
                continue
            if reasons:
                reasons.append(f'Training resumes from {path}.')
                print_log(' '.join(reasons), 'current', logging.WARNING)
            return path
        if reasons:
            raise ValueError(f'No checkpoint to resume from: {" ".join(reasons)}')
        return None

    def _candidates(self, folder: Path, pointer: Path) -> list[str]:
        """Checkpoints, newest first: the one ``last_checkpoint`` names, and those before it."""
        named = pointer.read_text().strip() if pointer.is_file() else ''
        pattern = re.compile(re.escape(self.filename_tmpl).replace(r'\{\}', r'(\d+)'))
        steps = {}
        for path in folder.iterdir() if folder.is_dir() else ():
            match = pattern.fullmatch(path.name)
            if match:
                steps[int(match[1])] = str(path)
        match = pattern.fullmatch(osp.basename(named))
        moved = folder / osp.basename(named)
        if named and not osp.isfile(named) and moved.is_file():
            named = str(moved)
        before = [step for step in steps if match is None or step < int(match[1])]
        older = [steps[step] for step in sorted(before, reverse=True)]
        return [named, *older] if named else older

    def _evaluation_is_due(self, runner: Runner) -> bool:
        loop = runner.train_loop
        if not self.save_best or runner.val_loop is None:
            return False
        if isinstance(loop, EpochBasedTrainLoop):
            step, total = loop.epoch, loop.max_epochs
        else:
            step, total = loop.iter, loop.max_iters
        if step == 0 or runner.message_hub.runtime_info.get('evaluated_step') == step:
            return False
        loop._decide_current_val_interval()
        return step >= loop.val_begin and (step % loop.val_interval == 0 or step == total)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save a checkpoint, then its name, then remove what it replaces."""
        outdated = self._replaced_best()
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated.append(self.filename_tmpl.format(self.keep_ckpt_ids[0]))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.message_hub.update_info('outdated_ckpts', outdated)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            pointer = osp.join(runner.work_dir, 'last_checkpoint')
            write_atomically(pointer, self.last_ckpt.encode())
        self._remove(outdated)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save a better checkpoint and keep the former best until that is done."""
        if not self.save_best:
            return
        self._check_metrics(metrics)
        step = runner.epoch if isinstance(runner.train_loop, EpochBasedTrainLoop) else runner.iter
        runner.message_hub.update_info('evaluated_step', step)
        self._former_best = self._best()
        self._set_best(dict.fromkeys(self._former_best))
        super()._save_best_checkpoint(runner, metrics)
        self._remove(self._replaced_best())
        kept = {key: path for key, path in self._former_best.items() if self._best()[key] is None}
        self._set_best(kept)
        self._former_best = {}

    def _check_metrics(self, metrics: dict) -> None:
        for key in self.key_indicators:
            if key not in metrics and key != 'auto':
                raise ValueError(
                    f'save_best={key!r}, but the evaluation gives {", ".join(metrics)}; set '
                    f'default_hooks.checkpoint.save_best to one of them.'
                )

    def _best(self) -> dict[str, str | None]:
        if hasattr(self, 'best_ckpt_path'):
            return dict(best=self.best_ckpt_path)
        return dict(self.best_ckpt_path_dict)

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if not hasattr(self, 'best_ckpt_path'):
            self.best_ckpt_path_dict.update(paths)
        elif paths:
            self.best_ckpt_path = paths['best']

    def _replaced_best(self) -> list[str]:
        """Names of the best checkpoints of before that have a successor under another name."""
        if not self._former_best:
            return []
        now = self._best()
        former = self._former_best.items()
        return [osp.basename(path) for key, path in former if path and now[key] not in (None, path)]

    def _remove(self, names: list[str]) -> None:
        if not is_main_process():
            return
        for name in names:
            path = self.file_backend.join_path(self.out_dir, name)
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):  # DeepSpeed's are folders
                self.file_backend.rmtree(path)


def _schedule(runner: Runner) -> list[dict]:
    """When the schedulers of a runner act; none before they are built, or in a test."""
    keys = ('begin', 'end', 'T_max', 'milestones', 'step_size', 'total_iters', 'total_steps')
    groups = runner.param_schedulers or []
    groups = groups.values() if isinstance(groups, dict) else [groups]
    return [
        dict(type=type(one).__name__, **{k: vars(one)[k] for k in keys if k in vars(one)})
        for group in groups
        for one in (group if isinstance(group, list) else [])
        if isinstance(one, _ParamScheduler)
    ]
