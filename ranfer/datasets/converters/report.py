"""What a conversion left out, and why."""

import json
import os
from collections import Counter
from pathlib import Path

_LONGEST = 300


class ConversionError(ValueError):
    """A source that cannot be converted, or a defect of it under ``strict``."""


class Report:
    """Collects what is wrong in a source.

    Args:
        strict: Whether the first defect is an error. Defaults to False.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.skipped: dict[str, list[str]] = {}
        self.notes: dict[str, int] = {}

    def skip(self, reason: str, name: str) -> None:
        """Leave out one item of the source.

        Args:
            reason: Kind of defect, such as ``'missing image'``.
            name: The item, such as a file name or ``'labels.csv line 3'``.

        Raises:
            ConversionError: If the report is strict.
        """
        if self.strict:
            raise ConversionError(
                f'{reason}: {name}; correct the source, or run without --strict to skip it and '
                f'list it in the report'
            )
        self.skipped.setdefault(reason, []).append(name[:_LONGEST])

    def note(self, text: str, count: int = 1) -> None:
        """Count something worth knowing that is no defect."""
        self.notes[text] = self.notes.get(text, 0) + count

    @property
    def counts(self) -> dict[str, int]:
        """Number of skipped items by reason."""
        return {reason: len(names) for reason, names in sorted(self.skipped.items())}

    def save(self, path: str | os.PathLike, **more: object) -> None:
        """Write the report as JSON.

        Args:
            path: File to write.
            **more: Further entries, such as the table of splits.
        """
        content = dict(
            counts=self.counts,
            notes=dict(sorted(self.notes.items())),
            skipped={reason: sorted(names) for reason, names in sorted(self.skipped.items())},
            **more,
        )
        Path(path).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')

    def lines(self) -> list[str]:
        """The counts as lines for the terminal."""
        lines = [f'note: {text}: {count}' for text, count in sorted(self.notes.items())]
        return lines + [f'skipped: {reason}: {count}' for reason, count in self.counts.items()]


def split_table(
    counts: dict[str, Counter], classes: tuple[str, ...], published: dict[str, int]
) -> list[str]:
    """Table of splits and classes beside the published totals.

    Args:
        counts: Split -> number of images by class index.
        classes: Class names in index order.
        published: Split -> published number of images; a split may be absent.

    Returns:
        list[str]: Lines; a total that differs from the published one is pointed out.
    """
    splits = list(counts)
    width = max(len(name) for name in (*classes, 'published')) + 2
    lines = [f'{"class":<{width}}' + ''.join(f'{split:>12}' for split in splits)]
    for index, name in enumerate(classes):
        lines.append(f'{name:<{width}}' + ''.join(f'{counts[s][index]:>12}' for s in splits))
    totals = {split: sum(counts[split].values()) for split in splits}
    lines.append(f'{"total":<{width}}' + ''.join(f'{totals[s]:>12}' for s in splits))
    lines.append(
        f'{"published":<{width}}' + ''.join(f'{published.get(s, "-"):>12}' for s in splits)
    )
    for split in splits:
        expected = published.get(split)
        if expected is not None and totals[split] != expected:
            lines.append(
                f'DIFFERENCE: {split} has {totals[split]} images, published are {expected} '
                f'({totals[split] - expected:+d})'
            )
    return lines
