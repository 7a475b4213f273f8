"""MMEngine's default scope, which belongs to the whole process, for one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.registry import DefaultScope

_LOCK = threading.RLock()


@contextmanager
def in_scope(name: str) -> Iterator[None]:
    """Run a block in a default scope; other threads wait, and the old scope comes back.

    Args:
        name: Scope, such as ``'mmpretrain'``.
    """
    with _LOCK, DefaultScope.overwrite_default_scope(name):
        yield
