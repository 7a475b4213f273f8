"""Write the lock list, the bill of materials and the licences of what ranfer needs.

    python tools/misc/dependencies.py

reads the environment that it runs in, follows the requirements of ranfer, its tests and mmcv-lite,
and writes ``requirements/lock.txt`` (versions and hashes), ``requirements/sbom.json`` (CycloneDX)
and ``docs/dependencies.md`` (licences). Other packages of the environment are left out. pip fetches
every archive once more to hash it.
"""

from __future__ import annotations

import json
import platform
import runpy
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
VERSION = runpy.run_path(str(ROOT / 'ranfer/version.py'))['__version__']
SOURCES = ('runtime', 'tests')
COMMAND = 'python tools/misc/dependencies.py'
LOCK_HEAD = """\
# Written by `{command}` on {system}, Python {python}: an environment in which the tests pass.
# Hashes are those of the archives for this system. To install just these:
# pip install --require-hashes --no-deps -r requirements/lock.txt
"""
LICENCE_HEAD = """\
# Dependencies and their licences

What `requirements/runtime.txt`, `requirements/tests.txt` and mmcv-lite bring with them on {system},
Python {python}, as the packages themselves declare it. ranfer is under the Apache licence 2.0 and
ships none of them. `{command}` writes this page, the lock list
`requirements/lock.txt` and the bill of materials `requirements/sbom.json` (CycloneDX).

"""


@dataclass(frozen=True)
class Package:
    """One distribution: its name, version, licence and the names of what it needs."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]
    role: str


def wanted() -> dict[str, list[Requirement]]:
    """Requirements by role: what ranfer needs to run and what its tests add."""
    lines = {
        name: (ROOT / f'requirements/{name}.txt').read_text(encoding='utf-8').split()
        for name in SOURCES
    }
    lines['runtime'].append('mmcv-lite')
    return {name: [Requirement(line) for line in found] for name, found in lines.items()}


def needs_of(dist: Distribution, extras: set[str]) -> list[Requirement]:
    """Requirements of an installed distribution that hold on this machine."""
    found = [Requirement(text) for text in dist.requires or ()]
    return [
        need
        for need in found
        if need.marker is None
        or any(need.marker.evaluate(dict(extra=extra)) for extra in extras | {''})
    ]


def collect(roles: dict[str, list[Requirement]]) -> list[Package]:
    """Every installed distribution that the requirements lead to, sorted by name.

    Raises:
        PackageNotFoundError: If one of them is not installed.
    """
    found: dict[str, Package] = {}
    for role, requirements in roles.items():
        queue = list(requirements)
        while queue:
            requirement = queue.pop()
            name = canonicalize_name(requirement.name)
            if name in found:
                continue
            dist = distribution(requirement.name)
            needs = needs_of(dist, requirement.extras)
            names = tuple(sorted({canonicalize_name(need.name) for need in needs}))
            found[name] = Package(name, dist.version, licence(dist), names, role)
            queue.extend(needs)
    return sorted(found.values(), key=lambda package: package.name)


def licence(dist: Distribution) -> str:
    """Licence of a distribution: its expression, short text or classifiers, in this order."""
    metadata = dist.metadata
    text = (metadata.get('License-Expression') or metadata.get('License') or '').strip()
    if text and len(text) <= 60 and '\n' not in text and text != 'UNKNOWN':
        return text
    classifiers = metadata.get_all('Classifier') or ()
    names = [c.split(' :: ')[-1] for c in classifiers if c.startswith('License :: ')]
    return ', '.join(names) or (text.splitlines()[0].strip() if text else 'not declared')


def hashes(packages: list[Package]) -> dict[str, str]:
    """SHA-256 of the archive of every package for this system, from pip's report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / 'report.json'
        options = ['--dry-run', '--ignore-installed', '--no-deps', '--quiet', '--report', report]
        pins = [f'{package.name}=={package.version}' for package in packages]
        subprocess.run([sys.executable, '-m', 'pip', 'install', *options, *pins], check=True)
        entries = json.loads(report.read_text(encoding='utf-8'))['install']
    return {
        canonicalize_name(entry['metadata']['name']): entry['download_info']['archive_info'][
            'hashes'
        ]['sha256']
        for entry in entries
    }


def lock_text(packages: list[Package], sums: dict[str, str]) -> str:
    """A requirements file with exact versions and hashes."""
    lines = [f'{p.name}=={p.version} \\\n    --hash=sha256:{sums[p.name]}' for p in packages]
    return _filled(LOCK_HEAD) + '\n'.join(lines) + '\n'


def sbom(packages: list[Package], sums: dict[str, str]) -> dict:
    """A CycloneDX bill of materials: components with licence and hash, and who needs whom."""
    known = {package.name for package in packages}
    direct = [canonicalize_name(need.name) for needs in wanted().values() for need in needs]
    components = [
        {
            'type': 'library',
            'bom-ref': p.name,
            'name': p.name,
            'version': p.version,
            'purl': f'pkg:pypi/{p.name}@{p.version}',
            'scope': 'required' if p.role == 'runtime' else 'excluded',
            'licenses': [{'license': {'name': p.licence}}],
            'hashes': [{'alg': 'SHA-256', 'content': sums[p.name]}],
        }
        for p in packages
    ]
    edges = [{'ref': p.name, 'dependsOn': [n for n in p.needs if n in known]} for p in packages]
    return {
        'bomFormat': 'CycloneDX',
        'specVersion': '1.6',
        'version': 1,
        'metadata': {
            'component': {
                'type': 'library',
                'bom-ref': 'ranfer',
                'name': 'ranfer',
                'version': VERSION,
                'licenses': [{'license': {'id': 'Apache-2.0'}}],
            }
        },
        'components': components,
        'dependencies': [{'ref': 'ranfer', 'dependsOn': sorted(direct)}, *edges],
    }


def licence_text(packages: list[Package]) -> str:
    """A page with one row a package."""
    rows = [f'| {p.name} | {p.version} | {p.licence} | {p.role} |' for p in packages]
    head = ['| package | version | licence | needed by |', '| --- | --- | --- | --- |']
    return _filled(LICENCE_HEAD) + '\n'.join(head + rows) + '\n'


def _filled(text: str) -> str:
    system = f'{platform.system()} {platform.machine()}'
    return text.format(command=COMMAND, system=system, python=platform.python_version())


def main() -> None:
    packages = collect(wanted())
    sums = hashes(packages)
    texts = {
        'requirements/lock.txt': lock_text(packages, sums),
        'requirements/sbom.json': json.dumps(sbom(packages, sums), indent=1) + '\n',
        'docs/dependencies.md': licence_text(packages),
    }
    for name, text in texts.items():
        (ROOT / name).write_text(text, encoding='utf-8')
        print(f'{name}: {len(packages)} packages')


if __name__ == '__main__':
    main()
