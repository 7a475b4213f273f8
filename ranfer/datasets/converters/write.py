"""The last step of every converter: annotation files, table and report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ranfer.datasets.annotation import load_annotation, save_annotation
from ranfer.datasets.converters.report import ConversionError, Report, split_table


def write_splits(
    out: Path,
    splits: Mapping[str, Sequence[dict]],
    metainfo: dict,
    published: dict[str, int],
    report: Report,
) -> list[str]:
    """Write ``<split>.json`` for each split and ``report.json``.

    A split of an earlier run with another protocol, which this run does not write, would share
    images with the new ones; it becomes ``<split>.<protocol>.json``.

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
    _set_aside(out, splits, metainfo['protocol'], report)
    counts = {split: Counter(row['gt_label'] for row in rows) for split, rows in splits.items()}
    for split, rows in splits.items():
        save_annotation(out / f'{split}.json', {**metainfo, 'split': split}, rows)
    table = split_table(counts, tuple(metainfo['classes']), published)
    report.save(out / 'report.json', **metainfo, table=table)
    title = f'{metainfo["dataset"]}, protocol {metainfo["protocol"]}'
    return [title, *table, *report.lines()]


def _set_aside(out: Path, splits: Iterable[str], protocol: str, report: Report) -> None:
    """Rename the annotation files of another protocol that stay beside the new ones."""
    for split in {'train', 'valid', 'test'}.difference(splits):
        path = out / f'{split}.json'
        if not path.is_file():
            continue
        earlier = load_annotation(str(path), f'remove {path}')['metainfo'].get('protocol')
        if earlier != protocol:
            kept = path.with_name(f'{split}.{earlier}.json')
            path.replace(kept)
            report.note(f'{path.name} of protocol {earlier} is now {kept.name}')
