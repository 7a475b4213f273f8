"""The allocator setting can be made, and training goes on after it."""

from __future__ import annotations

import platform

import torch

from ranfer.engine.memory import keep_freed_memory


def test_takes_effect_with_glibc():
    assert keep_freed_memory() == (platform.libc_ver()[0] == 'glibc')
    assert torch.ones(2**24).sum() == 2**24
    # another C library has no such setting


def test_leaves_other_libraries_alone(monkeypatch):
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('', ''))
    assert not keep_freed_memory()
