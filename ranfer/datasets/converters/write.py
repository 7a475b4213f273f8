"""The last step of every converter: annotation files, table and report."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path

from ranfer.datasets.annotation import check_rows, load_annotation, save_annotation
from ranfer.datasets.converters.report import ConversionError, Report


def split_rows(
    labels: Mapping[str, tuple[str, int]], done: Mapping[str, dict]
) -> dict[str, list[dict]]:
    """Rows by split of the images that were converted.

    Args:
        labels: Path of an image -> its split and label.
        done: Result of :func:`~ranfer.datasets.converters.images.convert_images`.
    """
    splits: dict[str, list[dict]] = defaultdict(list)
    for path, (split, label) in labels.items():
        if path in done:
            splits[split].append({'img_path': path, 'gt_label': label, **done[path]})
    return splits


def write_splits(
    out: Path,
    splits: Mapping[str, Sequence[dict]],
    metainfo: dict,
    published: dict[str, int],
    report: Report,
) -> list[str]:
    """Write ``<split>.json`` for each split and ``report.json``.

    A split of an earlier run with another protocol, which this run does not write but shares images
    with, becomes ``<split>.<protocol>.json``.

    Args:
        out: Output folder.
        splits: Split -> rows in the form of :mod:`ranfer.datasets.annotation`.
        metainfo: ``dataset``, ``classes``, ``protocol`` and more, for every split.
        published: Split -> published number of images; one that is not written counts as empty.
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
    for split, rows in splits.items():
        save_annotation(out / f'{split}.json', {**metainfo, 'split': split}, rows)
    _set_aside(out, splits, metainfo['protocol'], report)
    counts = {split: Counter[int]() for split in published}
    counts |= {split: Counter(r['gt_label'] for r in rows) for split, rows in splits.items()}
    table = _table(counts, metainfo['classes'], published)
    report.save(out / 'report.json', **metainfo, table=table)
    title = f'{metainfo["dataset"]}, protocol {metainfo["protocol"]}'
    return [title, *table, *report.lines()]


def _table(
    counts: Mapping[str, Counter], classes: Sequence[str], published: Mapping[str, int]
) -> list[str]:
    """Lines with the images of splits and classes; a total unlike the published is pointed out."""
    width = max(len(name) for name in (*classes, 'published')) + 2

    def line(name: str, cells: Iterable[object]) -> str:
        return f'{name:<{width}}' + ''.join(f'{cell:>12}' for cell in cells)

    totals = {split: count.total() for split, count in counts.items()}
    return [
        line('class', counts),
        *(line(name, (count[i] for count in counts.values())) for i, name in enumerate(classes)),
        line('total', totals.values()),
        line('published', (published.get(split, '-') for split in counts)),
        *(
            f'DIFFERENCE: {split} has {total} images, published are {published[split]} '
            f'({total - published[split]:+d})'
            for split, total in totals.items()
            if total != published.get(split, total)
        ),
    ]


def _set_aside(
    out: Path, splits: Mapping[str, Sequence[dict]], protocol: str, report: Report
) -> None:
    """Rename annotation files of another protocol that share images with the new ones."""
    images = {_name(row) for rows in splits.values() for row in rows}
    for split in {'train', 'valid', 'test'}.difference(splits):
        path = out / f'{split}.json'
        try:
            earlier = load_annotation(str(path))
            check_rows(earlier['data_list'], str(path), num_classes=None)
        except (FileNotFoundError, ValueError):  # none, or no annotation
            continue
        shared = images.intersection(map(_name, earlier['data_list']))
        other = earlier['metainfo'].get('protocol', protocol)
        if other != protocol and shared:
            kept = _free(path.with_name(f'{split}.{other}.json'))
            path.replace(kept)
            report.note(f'{path.name} of protocol {other}, with images of this one, is {kept.name}')


def _name(row: dict) -> str:
    """File name of an image; its folder is that of the split."""
    return row['img_path'].rsplit('/', 1)[-1]


def _free(path: Path) -> Path:
    """The path, or with a number if there is such a file."""
    names = (path.with_suffix(f'.{number}.json') for number in count(2))
    return next(name for name in chain([path], names) if not name.exists())
