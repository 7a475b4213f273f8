"""What an interrupted conversion has done, to go on from."""

import json
from collections.abc import Iterable
from pathlib import Path

from ranfer.engine.atomic import open_beside


class Journal:
    """Images that are done, one JSON line each, so that an interrupted run goes on.

    Args:
        path: The journal; entries of another ``options`` text are forgotten.
        options: Whatever changes the output images.
        overwrite: Whether to forget everything. Defaults to False.
    """

    def __init__(self, path: Path, options: str, overwrite: bool = False) -> None:
        self.path = path
        self.done: dict[str, dict] = {}
        head = json.dumps({'options': options})
        if path.exists() and not overwrite:
            lines = path.read_text(encoding='utf-8').split('\n')
            if lines[0] == head:
                self.done = {e['target']: e['info'] for e in map(_entry, lines[1:]) if e}
        with open_beside(path, 'w') as file:
            file.write(f'{head}\n')
            for target, info in self.done.items():
                file.write(json.dumps({'target': target, 'info': info}) + '\n')

    def add(self, entries: Iterable[dict]) -> None:
        """Append finished images."""
        with self.path.open('a', encoding='utf-8') as file:
            for entry in entries:
                self.done[entry['target']] = entry['info']
                file.write(json.dumps(entry) + '\n')


def _entry(line: str) -> dict | None:
    """A journal line, or None for one that an interruption cut off."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {'target', 'info'} <= set(entry) else None
