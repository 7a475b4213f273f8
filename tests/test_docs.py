"""Links, paths, options and Python of the documentation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from ranfer.models import RANNeck
from ranfer.registry import REGIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / 'docs'
NAMED = (
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'configs/ran/README.md',
    'configs/baseline/README.md',
)
PAGES = [ROOT / name for name in NAMED] + [
    page for page in sorted(DOCS.rglob('*.md')) if '_build' not in page.parts
]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCE = re.compile(r'^```(\S*)\n(.*?)^```$', re.M | re.S)
LINK = re.compile(r'\]\(([^)\s]+)\)')
FILE = re.compile(r'(?<![\w/.-])((?:tools|configs|demo|docs|tests|requirements)/[\w./-]+)')
SHELLS = ('bash', 'shell', 'sh', 'console')
SOURCES = {
    'tools': ('ranfer/engine/launch.py', 'ranfer/datasets/converters/cli.py'),
    'ranfer': ('ranfer/cli.py',),
    'demo/': ('ranfer/cli.py',),
    'tools/benchmarks/': ('tools/benchmarks/common.py',),
    'tools/deployment/': ('ranfer/deployment/command.py',),
}
"""Files that define options beside the script itself."""

every_page = pytest.mark.parametrize('page', PAGES, ids=IDS)


def read(page: Path) -> str:
    return page.read_text(encoding='utf-8')


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(read(page)) if language in languages]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and MyST make them."""
    headings = re.findall(r'^#+ (.*)', FENCE.sub('', read(page)), re.M)
    plain = (re.sub(r'[^\w\- ]', '', heading).strip().lower() for heading in headings)
    return {heading.replace(' ', '-') for heading in plain}


def commands(page: Path) -> list[list[str]]:
    """Words of every command in the shell blocks of a page, without comments."""
    lines = [
        re.sub(r'(^|\s)#.*', '', line)
        for block in blocks(page, *SHELLS)
        for line in block.replace('\\\n', ' ').splitlines()
    ]
    parts = [part.split() for line in lines for part in re.split(r'&&|\||;', line)]
    return [words for words in parts if words]


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(FENCE.sub('', read(page))):
        name, _, anchor = link.partition('#')
        if re.match(r'[a-z]+:', name):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_files(page: Path) -> list[str]:
    named = {name.rstrip('.') for name in FILE.findall(read(page))}
    files = {name for name in named if Path(name).suffix in ('.py', '.sh', '.txt', '.md', '.json')}
    return sorted(name for name in files if not (ROOT / name).exists())


def unknown_options(words: list[str]) -> list[str]:
    """Options of a command that nothing defines; none of programs that are not ours."""
    script = next((w for w in words if w.startswith(('tools/', 'demo/'))), None)
    if script is not None and script.endswith('.sh'):
        script = {'dist': 'tools/train.py', 'slurm': 'tools/train.py'}.get(
            Path(script).stem.split('_')[0]
        )
    if script is not None:
        more = [key for key in SOURCES if key.endswith('/') and key in script]
        sources = (script, *SOURCES['tools'], *(x for key in more for x in SOURCES[key]))
    elif words[0] == 'ranfer':
        sources = SOURCES['ranfer']
    else:
        return []
    text = ''.join(read(ROOT / source) for source in sources)
    defined = set(re.findall(r"'(--[\w-]+)'", text))
    for keywords in re.findall(r'parse_args\(__doc__.*?, (.*)\)', text):  # of a benchmark
        defined |= {f'--{name}'.replace('_', '-') for name in re.findall(r'(\w+)=', keywords)}
    return sorted({word.split('=')[0] for word in words if word.startswith('--')} - defined)


@every_page
def test_links_lead_to_files_and_headings(page):
    assert broken_links(page) == []


@every_page
def test_files_that_are_named_exist(page):
    assert missing_files(page) == []


@every_page
def test_options_of_commands_exist(page):
    assert {' '.join(w): unknown for w in commands(page) if (unknown := unknown_options(w))} == {}


@every_page
def test_no_placeholder_is_left(page):
    assert re.findall(r'@[A-Z]+\d?@|TODO|FIXME', read(page), re.M) == []


@every_page
def test_python_compiles(page):
    for index, block in enumerate(blocks(page, 'python')):
        compile(block, f'{page.name}, block {index}', 'exec')


@every_page
def test_python_that_needs_no_data_runs(page):
    REGIONS.import_from_location()
    known = dict(REGIONS.module_dict)
    try:
        for index, block in enumerate(blocks(page, 'python')):
            if re.search(r'FERInferencer|torch\.export\.load', block):
                continue
            names: dict = {}
            exec(compile(block, f'{page.name}, block {index}', 'exec'), names)
            if 'type' in names.get('model', ()):
                MODELS.build(names['model'])
    finally:
        REGIONS._module_dict.clear()
        REGIONS._module_dict.update(known)


def test_pictures_are_small_and_used():
    text = ''.join(map(read, PAGES))
    pictures = [path for path in (DOCS / 'images').iterdir() if path.suffix == '.png']
    assert [p.name for p in pictures if f'images/{p.name}' not in text] == []
    assert [p.name for p in pictures if p.stat().st_size > 150_000] == []
    assert sum(p.stat().st_size for p in pictures) < 1_500_000


def test_figures_are_drawn(tmp_path):
    path = DOCS / 'scripts' / 'draw_figures.py'
    spec = importlib.util.spec_from_file_location('draw_figures', path)
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    for name in ('data_flow', 'missing_landmarks'):
        picture = figures.FIGURES[name]()
        assert picture.shape[2] == 3 and len({*picture[::20, ::20].reshape(-1).tolist()}) > 50
        figures.write(tmp_path / f'{name}.png', picture)


BACKBONES = re.findall(r'^\| `(dict\(type=.+\))` \| (\d+) \|$', read(DOCS / 'mixing_in.md'), re.M)


@pytest.mark.parametrize(('config', 'channels'), BACKBONES)
def test_backbones_give_so_many_channels(config, channels):
    if 'TIMM' in config:
        pytest.importorskip('timm')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        backbone = MODELS.build(eval(config))
    backbone.eval()
    neck = RANNeck(in_channels=int(channels), num_regions=2)
    with torch.no_grad():
        assert neck(backbone(torch.zeros(2, 3, 64, 64))).face_feature.shape == (1, int(channels))
