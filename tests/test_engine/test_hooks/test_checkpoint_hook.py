"""Kills at every step of saving, broken files, full and read-only disks."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from test_engine.tiny import HOOKS, Score, tiny_runner

from ranfer.engine import atomic, load_checkpoint
from ranfer.engine.errors import one_sentence_errors
from ranfer.engine.hooks import checkpoint_hook


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    monkeypatch.setattr(Score, 'calls', [])


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(checkpoint_hook, 'print_log', lambda text, *_: texts.append(text))
    return texts


class Kill(BaseException):
    """No handler of ours catches it, as none would run after SIGKILL."""


@contextlib.contextmanager
def kill_at(event: int):
    """Stop at the n-th change of a name on the disk; the body gets the list of all changes."""
    changes: list[str] = []

    def count(function, name, path_of):
        def counted(*args):
            changes.append(f'{name} {Path(args[path_of]).name}')
            if len(changes) == event:
                raise Kill
            return function(*args)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic.os, 'replace', count(os.replace, 'replace', 1))
        patch.setattr(LocalBackend, 'remove', count(LocalBackend.remove, 'remove', 1))
        yield changes


def check_folder(work: Path) -> None:
    """Every checkpoint is whole, the named one and the best of which it knows are there."""
    for path in work.glob('*.pth'):
        load_checkpoint(str(path))
    pointer = work / 'last_checkpoint'
    if pointer.exists():
        state = load_checkpoint(pointer.read_text())
        best = state['message_hub']['runtime_info'].get('best_ckpt')
        assert best is None or Path(best).exists()


def names(work: Path) -> set[str]:
    return {path.name for path in work.iterdir() if path.is_file()}


EXPECTED = {'epoch_3.pth', 'epoch_4.pth', 'best_tiny_score_epoch_3.pth', 'last_checkpoint'}


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> tuple[dict, list[str]]:
    """Weights of the uninterrupted training, and what it does on the disk."""
    work = tmp_path_factory.mktemp('whole')
    with kill_at(-1) as changes:
        tiny_runner(work).train()
    assert names(work) == EXPECTED
    return load_checkpoint(str(work / 'epoch_4.pth')), changes


def test_the_newer_is_there_before_the_older_goes(whole):
    changes = whole[1]
    assert changes.index('replace epoch_3.pth') < changes.index('remove epoch_1.pth')
    assert changes.index('replace best_tiny_score_epoch_3.pth') < changes.index(
        'remove best_tiny_score_epoch_1.pth'
    )


@pytest.mark.parametrize('event', range(1, 18))
def test_a_kill_at_any_step_of_saving(tmp_path, whole, event):
    state, changes = whole
    assert len(changes) == 17
    with kill_at(event), pytest.raises(Kill):
        tiny_runner(tmp_path).train()
    check_folder(tmp_path)
    tiny_runner(tmp_path, resume=True).train()
    check_folder(tmp_path)
    assert names(tmp_path) == EXPECTED
    assert set(Score.calls) == {1, 2, 3, 4}  # every epoch was evaluated
    resumed = load_checkpoint(str(tmp_path / 'epoch_4.pth'))
    assert all(torch.equal(v, resumed['state_dict'][k]) for k, v in state['state_dict'].items())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_a_truncated_checkpoint_falls_back_with_one_warning(tmp_path, warnings):
    tiny_runner(tmp_path, epochs=3).train()
    cut(tmp_path / 'epoch_3.pth')
    (tmp_path / 'epoch_9.pth.tmp').write_bytes(b'half')
    runner = tiny_runner(tmp_path, epochs=3, resume=True)
    runner.train()
    assert Path(runner._load_from).name == 'epoch_2.pth'
    assert len(warnings) == 1
    assert warnings[0].count('epoch_3.pth cannot be read') == 1
    assert 'resumes from' in warnings[0] and warnings[0].endswith('epoch_2.pth.')
    assert not list(tmp_path.glob('*.tmp'))
    check_folder(tmp_path)


def test_no_readable_checkpoint_is_an_error(tmp_path):
    tiny_runner(tmp_path, epochs=2).train()
    cut(tmp_path / 'epoch_1.pth')
    cut(tmp_path / 'epoch_2.pth')
    with pytest.raises(ValueError, match=r'No checkpoint to resume from: .*epoch_2.*epoch_1'):
        tiny_runner(tmp_path, epochs=2, resume=True).train()


def test_a_folder_is_a_checkpoint_of_deepspeed(tmp_path):
    (tmp_path / 'epoch_1.pth').mkdir()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    runner = tiny_runner(tmp_path, epochs=2, resume=True)
    runner.call_hook('before_run')
    assert runner._load_from == str(tmp_path / 'epoch_1.pth')


def test_a_moved_work_directory_keeps_its_newest(tmp_path):
    tiny_runner(tmp_path / 'a', epochs=2).train()
    (tmp_path / 'a').rename(tmp_path / 'b')
    runner = tiny_runner(tmp_path / 'b', epochs=3, resume=True)
    runner.train()
    assert runner._load_from == str(tmp_path / 'b/epoch_2.pth')


@pytest.mark.parametrize('value', [torch.zeros(2), 'no tensor'])
def test_a_checkpoint_of_another_model_is_an_error(value, tmp_path):
    torch.save(dict(state_dict={'conv1.weight': value}), tmp_path / 'other.pth')
    sentence = r'No weight of .*other.pth fits the model: it has conv1.weight, the model fc.weight;'
    with pytest.raises(ValueError, match=sentence):
        tiny_runner(tmp_path, load_from=str(tmp_path / 'other.pth')).train()


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_that_are_left_out_are_a_warning(prefix, tmp_path, monkeypatch):
    texts: list[str] = []
    monkeypatch.setattr('ranfer.engine.weights.print_log', lambda text, *_: texts.append(text))
    weights = {'fc.weight': torch.zeros(3, 2), 'fc.bias': torch.ones(1), 'neck': torch.zeros(1)}
    state = {prefix + name: value for name, value in weights.items()}
    torch.save(dict(state_dict=state), tmp_path / 'part.pth')
    runner = tiny_runner(tmp_path, load_from=str(tmp_path / 'part.pth'))
    runner.load_or_resume()
    assert runner.model.fc.bias == 1
    (text,) = texts
    assert text.startswith('1 of 3 weights of checkpoint ')
    assert f'part.pth fit the model; {prefix}fc.weight is the first' in text
    tiny_runner(tmp_path / 'own', epochs=1).train()
    tiny_runner(tmp_path, load_from=str(tmp_path / 'own/epoch_1.pth')).load_or_resume()
    assert len(texts) == 1


def test_resuming_at_a_first_start_takes_the_weights_of_load_from(tmp_path):
    """As tools/train.py --resume does, which has to clear ``load_from``."""
    tiny_runner(tmp_path / 'a', epochs=1).train()
    weights = str(tmp_path / 'a/epoch_1.pth')
    runner = tiny_runner(tmp_path / 'b', epochs=1, resume=True)
    runner.cfg.initial_load_from = weights
    runner.train()
    assert runner._load_from == weights and not runner._resume
    again = tiny_runner(tmp_path / 'b', epochs=2, resume=True)
    again.cfg.initial_load_from = weights
    again.train()
    assert again._load_from == str(tmp_path / 'b/epoch_1.pth')


@pytest.mark.parametrize(('end', 'told'), [(4, False), (6, True)])
def test_another_schedule_than_that_of_the_checkpoint_is_told(tmp_path, warnings, end, told):
    def schedule(end: int) -> dict:
        return dict(param_scheduler=[dict(type='LinearLR', start_factor=0.1, begin=0, end=end)])

    tiny_runner(tmp_path, epochs=1, **schedule(4)).train()
    tiny_runner(tmp_path, epochs=2, resume=True, **schedule(end)).train()
    assert ['another schedule' in text for text in warnings] == [True] * told


@pytest.mark.parametrize('pointer', [None, ''])
def test_a_lost_pointer_is_no_lost_training(tmp_path, pointer):
    tiny_runner(tmp_path, epochs=2).train()
    (tmp_path / 'last_checkpoint').unlink()
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_text(pointer)
    runner = tiny_runner(tmp_path, epochs=3, resume=True)
    runner.train()
    assert Path(runner._load_from).name == 'epoch_2.pth'


def test_checkpoints_of_a_longer_earlier_run_are_not_the_newest(tmp_path, warnings):
    tiny_runner(tmp_path, epochs=4).train()
    tiny_runner(tmp_path, epochs=2).train()
    cut(tmp_path / 'epoch_2.pth')
    runner = tiny_runner(tmp_path, epochs=2, resume=True)
    runner.train()
    assert Path(runner._load_from).name == 'epoch_1.pth'


def mounted(folder: Path, options: str) -> bool:
    """Make a folder a file system of its own, where that is allowed."""
    command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(folder)]
    with contextlib.suppress(FileNotFoundError):
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    return False


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A folder with room for the logs and two checkpoints of 1.2 MB, not for three."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    if mounted(disk, 'size=3m'):
        yield disk
        subprocess.run(['umount', '--lazy', str(disk)], check=True)
        return
    fsync, files = os.fsync, []

    def limited(handle):
        files.append(handle)
        if len(files) > 8:
            raise OSError(28, 'No space left on device')
        return fsync(handle)

    monkeypatch.setattr(atomic.os, 'fsync', limited)
    yield disk


def test_a_full_disk_ends_with_a_sentence_and_intact_checkpoints(small_disk, capsys):
    hooks = dict(checkpoint=dict(type='ranfer.SafeCheckpointHook', interval=1))
    with pytest.raises(SystemExit), one_sentence_errors():
        tiny_runner(small_disk, size=50_000, default_hooks=hooks).train()
    error = capsys.readouterr().err
    assert 'epoch_3.pth cannot be written (No space left on device)' in error
    assert 'go on with --resume' in error
    check_folder(small_disk)
    assert {path.name for path in small_disk.glob('*.pth*')} == {'epoch_1.pth', 'epoch_2.pth'}
    assert (small_disk / 'last_checkpoint').read_text().endswith('epoch_2.pth')


def test_a_read_only_work_directory_ends_with_a_sentence(tmp_path, capsys):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if not mounted(disk, 'size=1m,ro'):
        disk.chmod(0o500)
        if os.access(disk, os.W_OK):
            pytest.skip('this user may write everywhere')
    try:
        with pytest.raises(SystemExit), one_sentence_errors():
            tiny_runner(disk).train()
    finally:
        subprocess.run(['umount', str(disk)], capture_output=True)
    error = capsys.readouterr().err
    assert error.startswith(('Error: Read-only file system: ', 'Error: Permission denied: '))
    assert str(disk) in error.splitlines()[0] and 'choose' in error


def hook(**keys) -> dict:
    return HOOKS | dict(checkpoint=HOOKS['checkpoint'] | keys)


def test_a_folder_of_its_own_for_checkpoints(tmp_path, warnings):
    keys = dict(epochs=2, default_hooks=hook(out_dir=str(tmp_path / 'out')))
    tiny_runner(tmp_path / 'work', **keys).train()
    folder = tmp_path / 'out/work'
    assert {path.name for path in folder.iterdir()} >= {'epoch_1.pth', 'epoch_2.pth'}
    assert (tmp_path / 'work/last_checkpoint').read_text() == str(folder / 'epoch_2.pth')
    cut(folder / 'epoch_2.pth')
    runner = tiny_runner(tmp_path / 'work', **keys, resume=True)
    runner.train()
    assert Path(runner._load_from) == folder / 'epoch_1.pth'
    check_folder(folder)


def test_the_best_of_several_metrics(tmp_path):
    keys = hook(save_best=['tiny/score', 'tiny/epoch'], rule=['greater', 'less'])
    tiny_runner(tmp_path, default_hooks=keys).train()
    best = {name for name in names(tmp_path) if name.startswith('best')}
    assert best == {'best_tiny_score_epoch_3.pth', 'best_tiny_epoch_epoch_1.pth'}


def test_no_evaluation_is_repeated_before_the_first(tmp_path):
    for epochs in (1, 2):
        cfg = dict(by_epoch=True, max_epochs=epochs, val_begin=3)
        tiny_runner(tmp_path, resume=True, train_cfg=cfg).train()
    assert Score.calls == []


def test_an_evaluation_of_training_by_iterations_is_repeated(tmp_path, monkeypatch):
    keys = dict(
        train_cfg=dict(by_epoch=False, max_iters=4, val_interval=2),
        default_hooks=hook(by_epoch=False, interval=2) | dict(logger=dict(type='LoggerHook')),
    )

    def kill(*args):
        raise Kill

    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(Score, 'compute_metrics', kill)
        tiny_runner(tmp_path, **keys).train()
    assert not list(tmp_path.glob('best*'))
    tiny_runner(tmp_path, resume=True, **keys).train()
    assert len(Score.calls) == 2
    assert {path.name for path in tmp_path.glob('*.pth')} == {
        'iter_2.pth', 'iter_4.pth', 'best_tiny_score_iter_2.pth'
    }  # fmt: skip


def test_a_metric_that_the_evaluation_does_not_give(tmp_path):
    hooks = dict(HOOKS, checkpoint=dict(HOOKS['checkpoint'], save_best='fer/accuracy'))
    with pytest.raises(ValueError) as error:
        tiny_runner(tmp_path, epochs=1, default_hooks=hooks).train()
    assert str(error.value) == (
        "save_best='fer/accuracy', but the evaluation gives tiny/score, tiny/epoch; set "
        'default_hooks.checkpoint.save_best to one of them.'
    )


def test_a_key_that_saving_would_refuse_after_an_epoch():
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_keep_ckpt'"):
        checkpoint_hook.SafeCheckpointHook(interval=1, max_keep_ckpt=3)
