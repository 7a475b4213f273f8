"""What all converters do at the command line."""

from __future__ import annotations

import pytest

from ranfer.datasets.converters.cli import converter_parser, run_converter


def test_report_is_printed(capsys):
    run_converter(lambda: ['3 images', '1 defect'])
    assert capsys.readouterr().out == '3 images\n1 defect\n'


@pytest.mark.parametrize(
    ('error', 'sentence'),
    [
        (ValueError('labels.csv: got 9, expected 0 to 7'), 'error: labels.csv: got 9, expected 0'),
        (FileNotFoundError('no file a.zip'), 'error: no file a.zip'),
        (ImportError('needs lmdb'), 'error: needs lmdb'),
        (KeyError('MTCN is not in the ranfer::face detector registry.'), 'error: The config names'),
        (TypeError('side must be a number'), 'error: side must be a number'),
        (KeyboardInterrupt(), 'interrupted; run the same command again to go on'),
    ],
)
def test_an_expected_failure_ends_in_one_sentence(error, sentence):
    def convert():
        raise error

    with pytest.raises(SystemExit) as end:
        run_converter(convert)
    assert str(end.value).startswith(sentence)


def test_a_bug_keeps_its_traceback():
    with pytest.raises(TypeError):
        run_converter(lambda: None)


def test_arguments_of_every_converter():
    args = converter_parser(None, 'data/x').parse_args(['a.zip', 'b'])
    assert args.sources == ['a.zip', 'b'] and args.out == 'data/x' and args.workers >= 1
    assert not args.strict and not args.overwrite
