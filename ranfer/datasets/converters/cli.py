"""Command line that the converters share."""

import argparse
import os
import sys
from collections.abc import Callable

from ranfer.engine.explain import USER_ERRORS, explain


def converter_parser(description: str | None, out: str) -> argparse.ArgumentParser:
    """Parser with the arguments of every converter.

    Args:
        description: Text of ``--help``.
        out: Default output folder.

    Returns:
        argparse.ArgumentParser: Has ``sources``, ``out``, ``workers``, ``strict``, ``overwrite``.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'sources', nargs='+', metavar='SOURCE', help="the owners' folder, zip or csv files"
    )
    parser.add_argument('--out', default=out, help='output folder (default: %(default)s)')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count() or 1, help='processes (default: %(default)s)'
    )
    parser.add_argument(
        '--strict', action='store_true', help='stop at the first defect instead of reporting it'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='convert again what an earlier run has converted'
    )
    return parser


def add_size(parser: argparse.ArgumentParser) -> None:
    """Add ``--size``, the side of faces that are cut out."""
    parser.add_argument(
        '--size', type=_side, default=224, help='side of cut-out faces (default: %(default)s)'
    )


def _side(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'got {text!r}, expected a number of pixels from 1')
    return int(text)


def run_converter(convert: Callable[[], list[str]]) -> None:
    """Run a conversion and print its report; an expected failure ends in one sentence.

    Args:
        convert: Returns the lines of the report.
    """
    try:
        lines = convert()
    except USER_ERRORS as error:
        sys.exit(f'error: {explain(error)}')
    except KeyboardInterrupt:
        sys.exit('interrupted; run the same command again to go on')
    print('\n'.join(lines))
