"""NaN and infinity end a training at once, before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import BaseOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from mmengine.utils import is_seq_of
from torch.linalg import vector_norm
from torch.optim import Optimizer

from ranfer.registry import HOOKS

_NAMED = 8
"""So many images stand in the message; the log names all."""


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Stop at a loss, gradient or weight that is NaN or infinite, or leave its batch out.

    - Gradients are looked at right before the optimiser's step, which is then left out, so the
      weights stay good. An overflow that a ``GradScaler`` finds is its business and no error.
    - Losses are looked at after the iteration, weights before they are saved.
    - The message names epoch, iteration, loss, the images of all batches that the gradients were
      summed over, and the config keys that may help.

    On a GPU the look at the gradients is one wait per iteration, for one number, which a decision
    before the step cannot do without; the losses cost none, as MMEngine has read them by then.
    With ``torch.compile`` old PyTorch (seen in 2.1) takes the hooks of optimisers away; then losses
    and weights alone are checked.

    Args:
        max_skips: So many batches of a training may be left out, with a warning each; the next one
            is an error. Statistics of batch norm are then put back too. Defaults to 0.

    Raises:
        ValueError: If ``max_skips`` is negative.

    Example:
        >>> default_hooks = dict(
        ...     non_finite_guard=dict(type='ranfer.NonFiniteGuardHook', max_skips=5))
    """

    priority = 'HIGH'

    def __init__(self, max_skips: int = 0) -> None:
        if max_skips < 0:
            raise ValueError(f'NonFiniteGuardHook.max_skips must be at least 0, got {max_skips}.')
        self.max_skips = max_skips
        self.skips = 0
        self._left_out = self._stepped = False
        self._buffers: list[torch.Tensor] = []
        self._summed: list[str] = []  # images whose gradients wait for the optimiser's step

    def before_train(self, runner: Runner) -> None:
        """Look on at every step of the optimisers."""
        for wrapper in _wrappers(runner):
            if hasattr(wrapper.optimizer, 'register_step_pre_hook'):
                wrapper.optimizer.register_step_pre_hook(self._check_gradients)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Keep the statistics that a forward pass changes, if a batch may be left out."""
        self._left_out = self._stepped = False
        if self.skips < self.max_skips:
            self._buffers = [buffer.clone() for buffer in runner.model.buffers()]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Judge the iteration.

        Raises:
            FloatingPointError: If it was not finite and no batch may be left out any more, or the
                weights are not finite either.
        """
        losses = {key: value.item() for key, value in (outputs or {}).items() if 'loss' in key}
        finite = all(map(math.isfinite, losses.values()))
        paths = _paths(data_batch)
        self._summed += paths
        if finite and not self._left_out:
            if all(wrapper.should_update() for wrapper in _wrappers(runner)):
                self._summed = []
            return
        if finite:
            paths = self._summed
        self._summed = []
        bad = _not_finite(runner.model.named_parameters())
        message = _describe(runner, losses, paths, bad)
        runner.logger.error(f'Not finite, the images of the batch: {", ".join(paths)}')
        if bad is not None or self.skips >= self.max_skips:
            raise FloatingPointError(message)
        self.skips += 1
        kind = 'Step taken, for its gradients are finite' if self._stepped else 'Batch left out'
        runner.logger.warning(f'{kind} ({self.skips} of at most {self.max_skips}). {message}')
        if self._stepped:
            return
        for wrapper in _wrappers(runner):
            wrapper.zero_grad()
        for buffer, kept in zip(runner.model.buffers(), self._buffers):
            buffer.copy_(kept)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let no weights be saved that are not finite.

        Raises:
            FloatingPointError: If some are not.
        """
        bad = _not_finite(checkpoint['state_dict'].items())
        if bad is not None:
            raise FloatingPointError(
                f'The weights {bad} are not finite at epoch {runner.epoch + 1}, iteration '
                f'{runner.iter}, so no checkpoint was written; resume from the one before with a '
                f'lower {_learning_rate(runner)} or with optim_wrapper.clip_grad.'
            )

    @torch.compiler.disable  # a decision needs the number itself
    def _check_gradients(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        """Called by PyTorch before a step; without gradients the step does nothing."""
        if getattr(optimizer, 'found_inf', None) is not None:
            return  # a GradScaler hands its finding to a fused optimiser
        gradients = [p.grad for group in optimizer.param_groups for p in group['params']]
        norms = [vector_norm(g, math.inf) for g in gradients if g is not None and g.numel()]
        if norms and not torch.stack(norms).amax().isfinite():
            self._left_out = True
            optimizer.zero_grad(set_to_none=True)
        else:
            self._stepped = bool(norms)


def _wrappers(runner: Runner) -> Iterable[BaseOptimWrapper]:
    wrapper = runner.optim_wrapper
    return [wrapper] if isinstance(wrapper, BaseOptimWrapper) else list(wrapper.values())


def _describe(runner: Runner, losses: dict[str, float], paths: list[str], bad: str | None) -> str:
    values = ', '.join(f'{key}={value:g}' for key, value in losses.items())
    names = ', '.join(paths[:_NAMED]) or 'unknown'
    if len(paths) > _NAMED:
        names += f' and {len(paths) - _NAMED} more'
    state = 'the weights are still finite' if bad is None else f'the weights {bad} are not finite'
    amp = '' if type(runner.optim_wrapper) is OptimWrapper else ', train without --amp'
    return (
        f'Loss or gradients are not finite at epoch {runner.epoch + 1}, iteration '
        f'{runner.iter + 1} ({values}), images {names}; {state}: check the images and '
        f'labels, lower {_learning_rate(runner)}, set optim_wrapper.clip_grad=dict(max_norm=10)'
        f'{amp}, or leave such batches out with default_hooks.non_finite_guard.max_skips.'
    )


def _learning_rate(runner: Runner) -> str:
    rates = [rate for wrapper in _wrappers(runner) for rate in wrapper.get_lr()['lr']]
    return f'optim_wrapper.optimizer.lr (now {max(rates):g})'


def _not_finite(tensors: Iterable[tuple[str, torch.Tensor]]) -> str | None:
    """Name of the first tensor that holds NaN or infinity."""
    for name, tensor in tensors:
        if torch.is_tensor(tensor) and not tensor.detach().isfinite().all():
            return name
    return None


def _paths(data_batch: Any) -> list[str]:
    """Image paths of a batch, in the forms of MMEngine and of plain PyTorch."""
    if not isinstance(data_batch, dict):
        return []
    if is_seq_of(data_batch.get('img_path'), str):
        return list(data_batch['img_path'])
    samples = data_batch.get('data_samples') or ()
    return [str(path) for path in (s.get('img_path') for s in samples) if path]
