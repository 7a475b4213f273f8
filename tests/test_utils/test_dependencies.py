"""Missing dependencies name the command that brings them."""

from __future__ import annotations

import warnings

import pytest

from ranfer.utils import dependencies


def test_neither_mmcv_nor_mmcv_lite(monkeypatch):
    monkeypatch.setattr(dependencies, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='pip install mmcv-lite'):
        dependencies.check_mmcv()


def test_lite_warning_is_not_shown():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        dependencies.hide_lite_warning()
        warnings.warn('Fail to import ``MultiScaleDeformableAttention`` from ...', stacklevel=1)
        warnings.warn('Another one', stacklevel=1)
    assert [str(one.message) for one in seen] == ['Another one']


def test_optional_dependency():
    assert dependencies.require('json', 'pip install x', 'This').dumps([]) == '[]'
    with pytest.raises(
        ImportError, match=r'The back end needs no_such_package .*run: pip install ranfer\[x\]'
    ):
        dependencies.require('no_such_package.apis', 'pip install ranfer[x]', 'The back end')
