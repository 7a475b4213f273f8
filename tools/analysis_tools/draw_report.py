"""Draw an evaluation: ``python tools/analysis_tools/draw_report.py REPORT_JSON OUT_DIR``.

``tools/test.py`` writes ``report.json`` into its work directory, and with ``--out`` the
predictions, from which ``--predictions`` draws reliability and mean region weights.
"""

import argparse
from pathlib import Path

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.evaluation import FERReport
from ranfer.evaluation.predictions import Predictions
from ranfer.visualization.evaluation import Prediction, draw_predictions, draw_report
from ranfer.visualization.figure import write_picture


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Draw an evaluation')
    parser.add_argument('report', help='report.json of tools/test.py')
    parser.add_argument('out', help='folder of the pictures')
    parser.add_argument('--predictions', help='FILE.json that tools/test.py --out wrote')
    parser.add_argument(
        '--reference',
        nargs='*',
        default=[],
        metavar='NAME=PERCENT',
        help='published accuracies to mark, for example overall=89.16 occlusion=83.63',
    )
    return parser.parse_args()


def read_references(texts: list[str]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (text.split('=') for text in texts)}
    except ValueError as error:
        raise ValueError(
            f'--reference got {texts}, expected NAME=PERCENT such as overall=89.16.'
        ) from error


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        report = FERReport.load(args.report)
        pictures = draw_report(report, read_references(args.reference))
        if args.predictions:
            predictions = Prediction.from_saved(Predictions.load(args.predictions))
            pictures.update(draw_predictions(predictions, report.classes, report.overall))
        for name, picture in pictures.items():
            path = Path(args.out) / f'{name}.png'
            write_picture(path, picture)
            print(path)


if __name__ == '__main__':
    main()
