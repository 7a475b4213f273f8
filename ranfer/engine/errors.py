"""Programs that end with one sentence on an error of the user."""

from __future__ import annotations

import os
import select
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager

from ranfer.engine.explain import can_be_mended, explain
from ranfer.engine.faults import name_lost_processes, process_name

_ENDED_BY_PIPE = 128 + 13
"""What a shell calls a program that SIGPIPE ended."""

_ENDED_BY_INTERRUPT = 128 + 2
"""The same of a program that Ctrl-C ended."""


def tool_parser(description: str | None) -> ArgumentParser:
    """Return a parser with ``--traceback``, for :func:`one_sentence_errors`.

    Args:
        description: What the tool does; its lines stay as they are.
    """
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument('--traceback', action='store_true', help='show the traceback of an error')
    return parser


@contextmanager
def one_sentence_errors(traceback: bool = False) -> Iterator[None]:
    """End the program with one sentence on an error that a user can mend, and on Ctrl-C.

    Args:
        traceback: Let the exception pass with its traceback instead. Defaults to False.
    """
    try:
        with name_lost_processes():
            yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_has_gone():
            stop_printing()
            raise SystemExit(_ENDED_BY_PIPE) from None
        if traceback or not can_be_mended(error):
            raise
        process = process_name()
        where = f' in {process}' if process else ''
        complain(f'Error{where}: {explain(error)}')
        complain('(--traceback shows where it came from.)')
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        if traceback:
            raise
        complain('Interrupted; what has been written stays.')
        raise SystemExit(_ENDED_BY_INTERRUPT) from None


def complain(text: str) -> None:
    """Print to the standard error; if that is closed, nowhere, where ``print`` took the output."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def _reader_has_gone() -> bool:
    """Whether the pipe of the output is the one that broke, as by ``| head``."""
    try:
        pipe = select.poll()
        pipe.register(sys.stdout, select.POLLERR)
        return bool(pipe.poll(0))
    except (AttributeError, OSError, TypeError, ValueError):  # Windows, or no file behind it
        return False


def stop_printing() -> None:
    """Let what is printed from now on go nowhere, when the reader of the output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
