"""What to say when the processes of a training lose each other."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch.distributed import TCPStore

_PATIENCE = 10.0
"""Seconds in which the other processes that lost somebody say so."""

_LOST = re.compile(
    r'^Dist|gloo|nccl|timed out|connection (closed|reset|refused)|broken pipe', re.IGNORECASE
)


def process_name() -> str:
    """``'process 1 of 4'`` under a launcher, else an empty string."""
    size = int(os.environ.get('WORLD_SIZE', 1))
    return f'process {os.environ.get("RANK", 0)} of {size}' if size > 1 else ''


@contextmanager
def name_lost_processes() -> Iterator[None]:
    """Turn the error of a broken or overdue collective into one that names who is missing.

    Every process that gets such an error leaves its number in the store of the launcher; who does
    not has ended or hangs. Errors of other kinds pass.

    Raises:
        ConnectionError: Instead of the collective's ``RuntimeError``.
    """
    try:
        yield
    except RuntimeError as error:
        if not process_name() or not _LOST.search(f'{type(error).__name__} {error}'):
            raise
        missing = _missing_processes()
        who = f'process {", ".join(map(str, missing))}' if missing else 'another process'
        reason = ' '.join(str(error).split())[:200]
        raise ConnectionError(
            f'Lost {who}, which ended or did not answer within env_cfg.dist_cfg.timeout '
            f'({reason}); look for an error of that process, raise the timeout if it is slow, and '
            f'go on with --resume.'
        ) from error


def _missing_processes() -> list[int]:
    """Numbers of the processes that do not report within some seconds."""
    rank, size = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
    missing = [other for other in range(size) if other != rank]
    if len(missing) == 1:
        return missing
    try:
        store = TCPStore(
            os.environ['MASTER_ADDR'],
            int(os.environ['MASTER_PORT']),
            is_master=False,
            timeout=timedelta(seconds=_PATIENCE),
        )
        prefix = f'ranfer/lost/{os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)}'
        store.add(f'{prefix}/{rank}', 1)
        deadline = time.monotonic() + _PATIENCE
        while len(missing) > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
            missing = [other for other in missing if store.add(f'{prefix}/{other}', 0) == 0]
        return missing
    except (KeyError, OSError, RuntimeError, ValueError):
        return []  # the store went with the process that held it
