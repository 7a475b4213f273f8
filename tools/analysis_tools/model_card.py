"""Write the figures of a model card from the reports of tools/test.py.

    python tools/test.py CONFIG WEIGHTS --work-dir work_dirs/card/valid
    python tools/test.py CONFIG WEIGHTS --work-dir work_dirs/card/occluded --occlude
    python tools/analysis_tools/model_card.py docs/model_cards/ran_r18-slim_ferplus.md \\
        Valid=work_dirs/card/valid/report.json \\
        "drawn occluder=work_dirs/card/occluded/report.json"

The first report gives the table of the classes. What stands between the marks ``<!-- figures -->``
and ``<!-- end of figures -->`` of the card is replaced.
"""

import argparse
from pathlib import Path

import numpy as np

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.evaluation import FERReport
from ranfer.evaluation.tables import markdown_table

BEGIN, END = '<!-- figures -->', '<!-- end of figures -->'


def parse_args() -> argparse.Namespace:
    parser = tool_parser(__doc__)
    parser.add_argument('card', help='Markdown file with both marks')
    parser.add_argument('reports', nargs='+', metavar='NAME=REPORT_JSON')
    return parser.parse_args()


def read_reports(texts: list[str]) -> dict[str, FERReport]:
    """Reports by the name of their split."""
    pairs = [text.partition('=')[::2] for text in texts]
    names = [name for name, _ in pairs]
    if not all(path for _, path in pairs) or len(set(names)) < len(names):
        raise ValueError(
            f'The reports got {texts}, expected NAME=REPORT_JSON for every one, each with another '
            f'name.'
        )
    return {name: FERReport.load(path) for name, path in pairs}


def summary_table(reports: dict[str, FERReport]) -> str:
    """Overall figures and calibration, one row a split."""
    head = ['split', 'images', 'accuracy %', 'mean class %', 'macro F1 %', 'ECE %']
    rows = []
    for name, report in reports.items():
        rates = (report.accuracy, report.mean_accuracy, report.macro_f1)
        values = (*rates, report.calibration_error)
        rows.append([name, str(report.count), *(f'{value:.2f}' for value in values)])
    return markdown_table(head, rows)


def condition_table(reports: dict[str, FERReport]) -> str:
    """Accuracy by condition, one row a split and condition."""
    rows = [
        [f'{name}: {condition}', str(count), f'{accuracy:.2f}']
        for name, report in reports.items()
        for condition, (accuracy, count) in report.conditions.items()
    ]
    return markdown_table(['condition', 'images', 'accuracy %'], rows) if rows else ''


def most_confused(report: FERReport, count: int = 5) -> str:
    """The most frequent confusions as a Markdown list."""
    confusion = np.array(report.confusion)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    share[np.diag_indices_from(share)] = 0
    lines = []
    for index in np.argsort(-share, axis=None, kind='stable')[:count]:
        true, guess = np.unravel_index(index, share.shape)
        if share[true, guess]:
            lines.append(
                f'- {report.classes[true]} taken for {report.classes[guess]}: '
                f'{100 * share[true, guess]:.1f} % ({confusion[true, guess]} of '
                f'{confusion[true].sum()})'
            )
    return '\n'.join(lines)


def figures(reports: dict[str, FERReport]) -> str:
    """All tables of a card."""
    name, first = next(iter(reports.items()))
    parts = [
        summary_table(reports),
        condition_table(reports),
        f'By class ({name}):',
        first.class_table(),
        f'Most frequent confusions ({name}):',
        most_confused(first),
    ]
    return '\n\n'.join(part for part in parts if part)


def fill_card(card: str, text: str) -> str:
    """Return the card with the text between its marks.

    Raises:
        ValueError: If the marks are missing.
    """
    begin, end = card.find(BEGIN), card.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f'The card lacks the marks {BEGIN} and {END}, in this order; add them.')
    return f'{card[: begin + len(BEGIN)]}\n\n{text}\n\n{card[end:]}'


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        text = figures(read_reports(args.reports))
        path = Path(args.card)
        path.write_text(fill_card(path.read_text(encoding='utf-8'), text), encoding='utf-8')
        print(text)


if __name__ == '__main__':
    main()
