"""Everything that fuzzing kept, and what once broke a parser, through the targets again."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.targets import TARGETS, seeds

CORPUS = Path(__file__).parent / 'corpus'


@pytest.mark.parametrize('name', TARGETS)
def test_corpus(name):
    inputs = [path.read_bytes() for path in sorted((CORPUS / name).glob('*'))] + seeds(name)
    for data in inputs:
        for cut in (data, data[: len(data) // 2], data[::-1]):
            TARGETS[name](cut)
