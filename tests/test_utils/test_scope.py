"""The default scope of MMEngine under threads."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from mmengine.registry import MODELS, DefaultScope, registry

from ranfer.registry import FACE_DETECTORS, REGIONS
from ranfer.utils.scope import in_scope, registered_only


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


@pytest.mark.parametrize('own', [REGIONS, FACE_DETECTORS], ids=lambda one: one.name)
def test_components_built_in_threads_leave_the_scope_alone(own, monkeypatch):
    class Slow:
        def __init__(self) -> None:
            self.scopes = {current()}
            time.sleep(0.002)
            self.scopes.add(current())

    before = current()
    monkeypatch.setitem(own.module_dict, 'Slow', Slow)
    with ThreadPoolExecutor(8) as pool:
        built = list(pool.map(own.build, [dict(type='Slow')] * 40))
    assert all(one.scopes == {'ranfer'} for one in built)
    assert current() == before


def test_only_the_thread_that_asks_is_kept_to_what_is_registered():
    def find() -> object:
        return MODELS.get('collections.OrderedDict')

    with registered_only('mmpretrain'):
        assert MODELS.get('mmengine.BaseDataPreprocessor') is not None
        with pytest.raises(RuntimeError, match='Failed to get collections'):
            find()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(find).result() is OrderedDict
    assert find() is OrderedDict


def test_several_threads_leave_the_registries_as_they_were():
    before = registry.import_module, registry.get_object_from_string

    def build(_: int) -> None:
        with registered_only('mmpretrain'):
            time.sleep(0.002)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(build, range(40)))
    assert (registry.import_module, registry.get_object_from_string) == before
