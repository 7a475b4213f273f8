"""What a conversion left out, and why."""

import json
import os
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
