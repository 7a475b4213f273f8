"""Files are whole or not there."""

from __future__ import annotations

import errno

import pytest
from mmengine.fileio import get_file_backend

from ranfer.engine import atomic
from ranfer.engine.atomic import open_beside, refuse_overwriting, write_atomically


def test_replaces_a_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / 'new/a.pth'
    for data in (b'one', b'two'):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert [file.name for file in path.parent.iterdir()] == ['a.pth']
    get_file_backend(backend_args=dict(backend='ranfer.atomic')).put(b'three', path)
    assert path.read_bytes() == b'three'


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failure_keeps_the_former_file_and_says_so(tmp_path, monkeypatch, step):
    path = tmp_path / 'a.pth'
    write_atomically(path, b'one')

    def fail(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises(OSError, match=r'a\.pth cannot be written \(No space left on device\)'):
        write_atomically(path, b'two')
    assert path.read_bytes() == b'one'
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']


def test_a_file_opened_beside_its_place_is_whole_or_the_former(tmp_path):
    path = tmp_path / 'new/a.json'
    with open_beside(path, 'w') as file:
        file.write('é')
    with pytest.raises(ValueError, match='half'), open_beside(path) as file:
        file.write(b'other')
        raise ValueError('half')
    assert path.read_text(encoding='utf-8') == 'é'
    assert [file.name for file in path.parent.iterdir()] == ['a.json']


def test_several_may_write_the_same_file(tmp_path):
    with open_beside(tmp_path / 'a', 'w') as one, open_beside(tmp_path / 'a', 'w') as other:
        one.write('one')
        other.write('other')
    assert (tmp_path / 'a').read_text() == 'one'


def test_what_is_read_is_not_written_over(tmp_path):
    source = tmp_path / 'a.pth'
    refuse_overwriting(source, source)  # neither is there
    source.touch()
    (tmp_path / 'link.pth').symlink_to(source)
    refuse_overwriting(tmp_path / 'b.pth', source)
    with pytest.raises(ValueError, match='link.pth. is an input itself and would be written over'):
        refuse_overwriting(tmp_path / 'link.pth', tmp_path / 'none', source)
