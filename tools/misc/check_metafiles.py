"""Check that metafiles name configs and weights that exist and figures that the docs repeat.

``model-index.yml`` imports the metafiles; their figures are the only source. Every one must
stand in the README of its folder.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def metafiles(root: Path) -> list[Path]:
    index = yaml.safe_load((root / 'model-index.yml').read_text(encoding='utf-8'))
    return [root / name for name in index['Import']]


def problems(root: Path) -> Iterator[str]:
    for metafile in metafiles(root):
        if not metafile.is_file():
            yield f'model-index.yml imports {metafile.relative_to(root)}, which does not exist.'
            continue
        text = (metafile.parent / 'README.md').read_text(encoding='utf-8')
        for model in yaml.safe_load(metafile.read_text(encoding='utf-8'))['Models']:
            yield from _model_problems(root, model, text)


def _model_problems(root: Path, model: dict, text: str) -> Iterator[str]:
    for key in ('Config', 'Weights'):
        path = model.get(key)
        if path is not None and not (root / path).is_file():
            yield f'{model["Name"]}: {key} {path} does not exist.'
    for result in model.get('Results', ()):
        for name, value in result['Metrics'].items():
            if f'{value:.2f}' not in text:
                yield f'{model["Name"]}: {name} {value:.2f} is missing in the README beside it.'


def main() -> None:
    found = list(problems(ROOT))
    print('\n'.join(found) or 'metafiles: all configs, weights and figures are in place')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()
