"""Settings of Sphinx: ``make docs`` writes the pages to ``docs/_build/html``."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docutils.nodes import SkipNode, math_block  # noqa: E402
from latex2mathml.converter import convert  # noqa: E402
from mmcv.transforms.utils import cache_randomness  # noqa: E402

from ranfer.version import __version__  # noqa: E402

project = 'ranfer'
author = 'the ranfer contributors'
copyright = author
version = release = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]
exclude_patterns = ['_build', 'scripts', 'images', 'schema']
source_suffix = {'.md': 'markdown', '.ipynb': 'markdown'}

myst_enable_extensions = ['dollarmath', 'colon_fence']
myst_heading_anchors = 3

autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = 'furo'
html_math_renderer = 'mathml'
html_title = f'ranfer {version}'
html_extra_path = ['schema']
html_show_sphinx = False


def read_from_class(self, instance, owner=None):
    """MMCV's cached methods fail when read from a class, as autodoc does; return the method."""
    return self.func if instance is None else _read(self, instance, owner)


_read = cache_randomness.__get__
cache_randomness.__get__ = read_from_class


def write_math(translator, node) -> None:
    """Write an equation as MathML, which browsers show by themselves, without a network."""
    block = isinstance(node, math_block)
    display = 'block' if block else 'inline'
    mathml = convert(node.astext(), display=display)
    translator.body.append(f'<div class="equation">{mathml}</div>' if block else mathml)
    raise SkipNode


def read_notebook(app, docname: str, content: list[str]) -> None:
    """Turn the JSON of a notebook into Markdown: its text, its code and what that printed."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == '.ipynb':
        cells = [*map(_markdown, json.loads(content[0])['cells'])]
        link = f'{{download}}`This page as a notebook <{path.name}>`'
        content[0] = '\n\n'.join([*cells, link])


def _markdown(cell: dict) -> str:
    text = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
        return text
    printed = ''.join(''.join(output['text']) for output in cell['outputs'])
    code = f'```python\n{text}\n```'
    return f'{code}\n\n```text\n{printed.rstrip()}\n```' if printed else code


def setup(app) -> None:
    """Register the reader of notebooks and the writer of equations."""
    app.connect('source-read', read_notebook)
    app.add_html_math_renderer('mathml', (write_math, None), (write_math, None))
