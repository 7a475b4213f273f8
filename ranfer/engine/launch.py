"""From command-line arguments to a config that a Runner can take."""

from __future__ import annotations

import argparse
import difflib
import os
import os.path as osp
from copy import deepcopy
from datetime import timedelta
from inspect import signature

import torch
from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.runner import Runner

from ranfer.engine.memory import keep_freed_memory


class CfgOptions(DictAction):
    """MMEngine's action of ``--cfg-options``, with an error for words that are no setting."""

    @staticmethod
    def _parse_iterable(val: str) -> object:
        """Keep the blanks of a path, which MMEngine's takes out."""
        text = val.strip('\'" ')
        if ' ' in text and ',' not in text and text[0] not in '[(':
            return text
        return DictAction._parse_iterable(val)

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Take the settings one by one."""
        for text in values:
            try:
                super().__call__(parser, namespace, [text], option_string)
            except (ValueError, AssertionError):  # no '=', or brackets that do not close
                parser.error(
                    f'{option_string}: got {text!r}, expected key=value without blanks around =, '
                    f'brackets closed'
                )


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, for :func:`merge_options`."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='settings that replace those of the config, as key=value; nested keys with dots, '
        'lists as key="[a,b]" or key=a,b, without blanks around =',
    )


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every tool on a config takes, for :func:`apply_common_arguments`."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and tables')
    add_cfg_options(parser)
    parser.set_defaults(
        launcher='none', local_rank=0, no_pin_memory=False, no_persistent_workers=False
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share; they are MMPretrain's."""
    add_config_arguments(parser)
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--no-pin-memory', action='store_true', help='do not pin host memory')
    parser.add_argument(
        '--no-persistent-workers', action='store_true', help='start data workers anew every epoch'
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def read_config(path: str) -> Config:
    """Read a config file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a valid config.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'Config {path} does not exist; see configs/ for those of ranfer.')
    try:
        return Config.fromfile(path)
    except UnicodeDecodeError as error:
        raise ValueError(
            f'Config {path}, or one of its _base_, is not UTF-8 (byte {error.start}: '
            f'{error.object[error.start]:#x}); save it as UTF-8.'
        ) from error
    except (SyntaxError, NameError, KeyError, AttributeError) as error:
        raise ValueError(f'Config {path} cannot be read: {error}; correct that line.') from error


def apply_common_arguments(cfg: Config, args: argparse.Namespace) -> Config:
    """Bring the options of one of the two functions above into ``cfg`` and return it."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if not torch.cuda.is_available():
        keep_freed_memory()
    cfg.launcher = args.launcher
    cfg.work_dir = (
        args.work_dir
        or cfg.get('work_dir')
        or osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    )
    merge_options(cfg, args.cfg_options or {})
    randomness = cfg.get('randomness', {})
    _check_seed(randomness.get('seed'))
    if randomness.get('deterministic'):
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # or cuBLAS refuses
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if loader is None:
            continue
        workers = loader.get('num_workers', 0) > 0
        loader.setdefault('pin_memory', torch.cuda.is_available())
        loader.setdefault('persistent_workers', workers)
        loader.setdefault('collate_fn', dict(type='ranfer.collate_faces'))
        loader.pin_memory &= not args.no_pin_memory
        loader.persistent_workers &= workers and not args.no_persistent_workers
    if not torch.cuda.is_available() and args.launcher == 'pytorch':
        _distribute_on_cpu(cfg)
    return cfg


def _check_seed(seed: object) -> None:
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise ValueError(
            f'randomness.seed is {seed!r}, must be a whole number from 0 to {2**32 - 1}, or None '
            f'for another one in every run.'
        )


def merge_options(cfg: Config, options: dict[str, object]) -> None:
    """Bring settings of the command line into a config.

    Those of ``data_preprocessor`` reach the model's own too, which a config may have beside it.

    Args:
        cfg: Config, changed in place.
        options: Settings by key with dots.

    Raises:
        ValueError: If the first part of a key is nearly one that the config has.
    """
    known = {*cfg, *signature(Runner.__init__).parameters}
    for key in options:
        name = key.split('.')[0]
        cutoff = 0.8 if '.' in key else 0.9  # who means a new section writes it into the config
        near = difflib.get_close_matches(name, cfg, n=1, cutoff=cutoff)
        if name not in known and near:
            raise ValueError(
                f'--cfg-options: the config has no {name!r}; did you mean {near[0]!r}?'
            )
    part = 'data_preprocessor'
    cfg.model.setdefault(part, deepcopy(cfg.get(part, {})))
    cfg.merge_from_dict(options)
    cfg.model.setdefault(part, deepcopy(cfg.get(part, {})))  # of a model that replaces another
    shared = {f'model.{key}': x for key, x in options.items() if key.split('.')[0] == part}
    cfg.merge_from_dict({key: x for key, x in shared.items() if key not in options})


def _distribute_on_cpu(cfg: Config) -> None:
    """Start gloo and wrap the model without device ids: MMEngine's defaults need GPUs."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo', timeout=_timeout(cfg))
        print_log('No GPU found: the processes talk through gloo on the CPU.', 'current')
    cfg.model_wrapper_cfg = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )


def _timeout(cfg: Config) -> timedelta:
    """How long a process waits for the others, from ``env_cfg.dist_cfg.timeout`` in seconds."""
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout', 1800)
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        raise ValueError(
            f'env_cfg.dist_cfg.timeout must be a number of seconds above 0, got {seconds!r}.'
        )
    return timedelta(seconds=seconds)


def end_distributed() -> None:
    """Leave the process group in order: threads that outlive it can abort a process at its exit."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
