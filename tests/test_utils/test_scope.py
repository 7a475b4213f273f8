"""The default scope of MMEngine under threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from mmengine.registry import DefaultScope

from ranfer.utils.scope import in_scope


def current() -> str | None:
    scope = DefaultScope.get_current_instance()
    return scope and scope.scope_name


def test_threads_take_turns_and_the_old_scope_comes_back():
    before = current()

    def seen(name: str) -> set[str | None]:
        with in_scope(name):
            first = current()
            time.sleep(0.002)
            with in_scope('mmengine'):  # a block within a block of the same thread
                pass
            return {first, current()}

    names = ['mmpretrain', 'mmpose'] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(seen, names)) == [{name} for name in names]
    assert current() == before
