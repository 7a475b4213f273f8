"""Programs end with one sentence, or silently where their reader has gone."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from mmengine.config import ConfigDict
from mmpretrain.registry import MODELS
from torch.utils.data import DataLoader

from ranfer.datasets.transforms import LoadFaceImage
from ranfer.engine.errors import one_sentence_errors, tool_parser


def build_unknown_model() -> None:
    MODELS.build(dict(type='mmpretrain.TIMMBackbone', model_name='resnet10tt'))


def run_small_map() -> None:
    arch = dict(embed_dims=8, depths=[1, 2, 1, 1], num_heads=[1, 1, 1, 1])
    MODELS.build(dict(type='mmpretrain.SwinTransformer', arch=arch))(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    ('mistake', 'text'),
    [
        (build_unknown_model, 'Unknown model (resnet10tt)\n'),
        (run_small_map, 'The input shape (4, 4) is smaller than the window size (7). Please set'),
    ],
)
def test_clear_sentences_of_other_kinds(capsys, mistake, text):
    """What timm and MMPretrain raise themselves: their words may change."""
    with pytest.raises(SystemExit), one_sentence_errors():
        mistake()
    assert capsys.readouterr().err.startswith(f'Error: {text}')


@pytest.mark.parametrize('kind', [RuntimeError, AssertionError])
def test_other_errors_of_these_kinds_keep_their_traceback(kind):
    with pytest.raises(kind), one_sentence_errors():
        raise kind('Unknown layout')


def test_program_ends_with_a_sentence(capsys):
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        raise ValueError('model.x is 1, must be 2.')
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith('Error: model.x is 1, must be 2.\n')
    with pytest.raises(ValueError, match='kept'), one_sentence_errors(traceback=True):
        raise ValueError('kept')
    with pytest.raises(ZeroDivisionError), one_sentence_errors():
        raise ZeroDivisionError  # a bug of ours is no mistake of the user


def test_a_tool_takes_traceback_and_keeps_the_lines_of_its_description():
    parser = tool_parser('Convert:\n\n    python convert.py IN\n    python convert.py OUT')
    assert parser.parse_args(['--traceback']).traceback and not parser.parse_args([]).traceback
    assert '\n    python convert.py IN\n    python convert.py OUT\n' in parser.format_help()


def test_an_interrupt_is_no_traceback(capsys):
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr().err == 'Interrupted; what has been written stays.\n'
    with pytest.raises(KeyboardInterrupt), one_sentence_errors(traceback=True):
        raise KeyboardInterrupt


def test_a_section_that_a_config_lacks(capsys):
    with pytest.raises(SystemExit), one_sentence_errors():
        ConfigDict().model  # noqa: B018
    assert "The config lacks the key 'model', or it is mistyped." in capsys.readouterr().err
    with pytest.raises(AttributeError), one_sentence_errors():
        None.model  # noqa: B018


class Samples:
    """A data set whose only sample ends in an error."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _: int) -> None:
        if self.kind == 'image':
            LoadFaceImage()(dict(img_path='gone.png'))
        if self.kind == 'text':
            b'\xe9'.decode()
        return {}[self.kind]


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize(
    ('kind', 'sentence'),
    [
        ('image', "Error: img_path: 'gone.png' does not exist, expected a readable image; restore"),
        (
            'text',
            "Error: 'utf-8' codec can't decode byte 0xe9 in position 0: unexpected end of data; "
            'save the file as UTF-8.\n',
        ),
        ('val_cfg', "Error: The config lacks the key 'val_cfg', or it is mistyped.\n"),
    ],
)
def test_errors_of_data_workers_are_sentences_too(capsys, workers, kind, sentence):
    with pytest.raises(SystemExit), one_sentence_errors():
        next(iter(DataLoader(Samples(kind), num_workers=workers)))
    text = capsys.readouterr().err
    assert text.startswith(sentence) and 'Traceback' not in text


def test_other_errors_of_data_workers_keep_their_traceback():
    text = 'Caught ZeroDivisionError in DataLoader worker process 0.\nOriginal Traceback: ...'
    with pytest.raises(RuntimeError), one_sentence_errors():
        raise RuntimeError(text)


@pytest.mark.parametrize('lines', [3, 100_000], ids=['in the buffer', 'more than the buffer'])
def test_a_reader_that_goes_away_ends_the_program_silently(lines: int) -> None:
    """As ``ranfer doctor | head`` does; 141 is what a shell shows of a program SIGPIPE ended."""
    script = f"""
from ranfer.engine.errors import one_sentence_errors
with one_sentence_errors():
    for i in range({lines}):
        print(i)
"""
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with subprocess.Popen([sys.executable, '-c', script], **pipes) as program:
        program.stdout.close()
        said = program.stderr.read().decode()
    assert (program.returncode, said) == (141, '')


def test_another_broken_pipe_is_still_an_error(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        raise BrokenPipeError(32, 'Broken pipe')
    assert caught.value.code == 1
    assert 'Error: Broken pipe.' in capsys.readouterr().err
