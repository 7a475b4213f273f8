"""MMEngine's registries for one thread at a time: their default scope, and what names may reach."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from mmengine.registry import DefaultScope, registry

_LOCK = threading.RLock()


@contextmanager
def in_scope(name: str) -> Iterator[None]:
    """Run a block in a default scope; other threads wait, and the old scope comes back.

    Args:
        name: Scope, such as ``'mmpretrain'``.
    """
    with _LOCK, DefaultScope.overwrite_default_scope(name):
        yield


@contextmanager
def registered_only(name: str) -> Iterator[None]:
    """:func:`in_scope`, in which configs reach registered components alone, under whatever key.

    MMEngine's registries take a name they do not know for the path of an object, which they import
    and call, and import what stands before its first dot. Here only packages that are imported
    already are asked for what they register.

    Args:
        name: Scope, such as ``'mmpretrain'``.
    """
    owner = threading.get_ident()

    def known_module(path: str) -> ModuleType:
        if threading.get_ident() == owner and path.split('.')[0] not in sys.modules:
            raise ImportError(f'{path} is not imported: a config must name registered components')
        return find_module(path)

    def known_object(path: str) -> object:
        if threading.get_ident() == owner:
            raise ImportError(f'{path} is no registered component')
        return find_object(path)

    with in_scope(name):  # one thread at a time, or another's stand-ins would be put back
        find_module, find_object = registry.import_module, registry.get_object_from_string
        registry.import_module, registry.get_object_from_string = known_module, known_object
        try:
            yield
        finally:
            registry.import_module, registry.get_object_from_string = find_module, find_object
