"""The lock list, the bill of materials and the page of licences speak of the same packages."""

from __future__ import annotations

import json
import re
import runpy
from email.message import Message
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from test_tools.conftest import ROOT

WRITTEN = ('requirements/lock.txt', 'requirements/sbom.json', 'docs/dependencies.md')
TOOL = runpy.run_path(str(ROOT / 'tools/misc/dependencies.py'))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding='utf-8')


def test_the_three_files_agree():
    lock = re.findall(
        r'^(\S+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})$', read(WRITTEN[0]), re.M
    )
    sbom = json.loads(read(WRITTEN[1]))
    parts = [
        (part['name'], part['version'], part['hashes'][0]['content']) for part in sbom['components']
    ]
    assert lock == parts
    rows = re.findall(r'^\| ([a-z0-9-]+) \| ([0-9]\S*) \|', read(WRITTEN[2]), re.M)
    assert rows == [part[:2] for part in lock]
    names = {name for name, *_ in lock}
    assert all(set(edge['dependsOn']) <= names for edge in sbom['dependencies'])


def test_the_lock_list_fulfils_the_requirements():
    versions = dict(re.findall(r'^(\S+)==(\S+) \\$', read(WRITTEN[0]), re.M))
    for needs in TOOL['wanted']().values():
        for need in needs:
            assert need.specifier.contains(versions[need.name]), need


@pytest.mark.parametrize('name', WRITTEN)
def test_no_address_is_written(name):
    assert '://' not in read(name)


def dist(*requires: str, **metadata: str) -> SimpleNamespace:
    message = Message()
    for key, value in metadata.items():
        message[key.replace('_', '-')] = value
    return SimpleNamespace(metadata=message, requires=list(requires))


@pytest.mark.parametrize(
    ('metadata', 'expected'),
    [
        (dict(License_Expression='MIT', License='other'), 'MIT'),
        (dict(License='BSD'), 'BSD'),
        (dict(License='The whole text\n...', Classifier='License :: OSI Approved :: X'), 'X'),
        (dict(License='The whole text\n...'), 'The whole text'),
        (dict(), 'not declared'),
    ],
)
def test_licence_is_the_declared_one(metadata, expected):
    assert TOOL['licence'](dist(**metadata)) == expected


def test_only_needs_that_hold_here_are_followed():
    found = dist('a', 'b; extra == "x"', 'c; extra == "y"', 'd; python_version < "3"')
    needs = TOOL['needs_of'](found, Requirement('z[x]').extras)
    assert [need.name for need in needs] == ['a', 'b']
