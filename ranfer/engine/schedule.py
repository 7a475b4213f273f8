"""Schedules of another length."""

from __future__ import annotations

from mmengine.config import Config


def scale_schedule(cfg: Config, epochs: int) -> None:
    """Stretch or shrink a schedule by epochs to ``epochs``, milestones and all.

    Steps are rounded to whole epochs; a scheduler whose time rounds to none, such as a warm-up of
    less than half an epoch, is left out.

    Args:
        cfg: Config, changed in place.
        epochs: Number of epochs of the stretched schedule.

    Raises:
        ValueError: If ``epochs`` is below 1 or the schedule does not count epochs.
    """
    old = cfg.train_cfg.get('max_epochs')
    if epochs < 1 or old is None:
        raise ValueError(
            f'--epochs needs a number from 1 and a config with train_cfg.max_epochs, got {epochs} '
            f'and max_epochs={old}.'
        )
    factor = epochs / old
    schedulers = cfg.get('param_scheduler') or []
    schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
    for scheduler in schedulers:
        for key in ('begin', 'end', 'T_max', 'step_size', 'total_steps'):
            if isinstance(scheduler.get(key), (int, float)):
                least = 0 if key in ('begin', 'end') else 1
                scheduler[key] = max(round(scheduler[key] * factor), least)
        for key in ('milestones', 'periods'):
            if key in scheduler:
                scheduler[key] = [max(round(m * factor), 1) for m in scheduler[key]]
    kept = [s for s in schedulers if s.get('end') is None or s.end > s.get('begin', 0)]
    if len(kept) < len(schedulers):
        cfg.param_scheduler = kept
    cfg.train_cfg.max_epochs = epochs
