"""Train a model: ``python tools/train.py CONFIG``."""

import argparse
import os.path as osp

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import FlexibleRunner, Runner

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.hooks import SafeCheckpointHook
from ranfer.engine.launch import (
    add_common_arguments,
    apply_common_arguments,
    end_distributed,
    read_config,
)
from ranfer.engine.precision import evaluate_in_half_precision, has_bf16, takes_amp
from ranfer.engine.schedule import scale_schedule


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Train a model')
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from the given checkpoint, or from the last one in the work directory',
    )
    parser.add_argument('--epochs', type=int, help='scale the schedule to so many epochs')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate while training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size over all processes',
    )
    return parser.parse_args()


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    if args.epochs is not None:
        scale_schedule(cfg, args.epochs)
    cfg = apply_common_arguments(cfg, args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.default_hooks.checkpoint.pop('save_best', None)
    if args.amp:
        use_mixed_precision(cfg)
    if args.resume:
        cfg.resume = True
        cfg.initial_load_from = cfg.get('load_from')  # for a first start, see SafeCheckpointHook
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    return cfg


def use_mixed_precision(cfg: Config) -> None:
    if not takes_amp():
        return
    wrapper = cfg.optim_wrapper
    if torch.cuda.is_available() and not has_bf16():
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    else:
        wrapper.type = 'ranfer.AutocastOptimWrapper'
        for key in ('loss_scale', 'dtype', 'use_fsdp'):  # of an AmpOptimWrapper
            wrapper.pop(key, None)
    evaluate_in_half_precision(cfg, 'val_cfg')


def choose_checkpoint(runner: FlexibleRunner) -> None:
    """Choose where to start: this runner loads before its hooks are called."""
    for hook in runner.hooks:
        if isinstance(hook, SafeCheckpointHook):
            hook.choose_checkpoint(runner)
    first = not osp.isfile(osp.join(runner.work_dir, 'last_checkpoint'))
    if first and runner._resume and runner._load_from is None:
        runner._load_from, runner._resume = runner.cfg.get('initial_load_from'), False


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        cfg = merge_args(read_config(args.config), args)
        runner = Runner.from_cfg(cfg) if 'runner_type' not in cfg else RUNNERS.build(cfg)
        if isinstance(runner, FlexibleRunner):
            choose_checkpoint(runner)
        runner.train()
        end_distributed()


if __name__ == '__main__':
    main()
