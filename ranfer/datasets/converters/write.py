"""The last step of every converter: annotation files, table and report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ranfer.datasets.annotation import save_annotation
from ranfer.datasets.converters.report import ConversionError, Report, split_table


def write_splits(
    out: Path,
    splits: Mapping[str, Sequence[dict]],
    metainfo: dict,
    published: dict[str, int],
    report: Report,
) -> list[str]:
    """Write ``<split>.json`` for each split and ``report.json``.

    Args:
        out: Output folder.
        splits: Split -> rows in the form of :mod:`ranfer.datasets.annotation`.
        metainfo: ``dataset``, ``classes``, ``protocol`` and more, for every split.
        published: Split -> published number of images.
        report: What was left out.

    Returns:
        list[str]: Lines for the terminal.

    Raises:
        ConversionError: If there is no image at all; older annotation files stay as they are.
    """
    splits = {split: rows for split, rows in splits.items() if rows}
    if not splits:
        found = ', '.join(f'{count} x {reason}' for reason, count in report.counts.items())
        raise ConversionError(
            f'source: no image could be converted ({found or "none found"}); give the complete '
            f"archive or folder in its owners' layout"
        )
    counts = {split: Counter(row['gt_label'] for row in rows) for split, rows in splits.items()}
    for split, rows in splits.items():
        save_annotation(out / f'{split}.json', {**metainfo, 'split': split}, rows)
    table = split_table(counts, tuple(metainfo['classes']), published)
    report.save(out / 'report.json', **metainfo, table=table)
    title = f'{metainfo["dataset"]}, protocol {metainfo["protocol"]}'
    return [title, *table, *report.lines()]
