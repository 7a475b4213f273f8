"""Fuse the saved predictions of several models and print the table of tools/test.py.

    python tools/test.py VGG16_CONFIG CHECKPOINT --out vgg16.json
    python tools/test.py R18_CONFIG CHECKPOINT --out r18.json
    python tools/analysis_tools/ensemble.py vgg16.json r18.json --weights 1 1 --out fused.json

The probabilities are averaged. The files must be of the same images with the same labels.
"""

import argparse

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.evaluation.ensemble import fuse
from ranfer.evaluation.paper_results import report_text
from ranfer.evaluation.predictions import Predictions


def parse_args() -> argparse.Namespace:
    parser = tool_parser(__doc__)
    parser.add_argument('predictions', nargs='+', help='JSON files of tools/test.py --out')
    parser.add_argument('--weights', type=float, nargs='+', help='one a file; equal by default')
    parser.add_argument('--out', help='write the fused predictions to this JSON file')
    parser.add_argument('--report', help='write the figures to this JSON file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        fused = fuse([Predictions.load(path) for path in args.predictions], args.weights)
        report = fused.report()
        print(report_text(report, fused.dataset))
        if args.out:
            fused.save(args.out)
        if args.report:
            report.save(args.report)


if __name__ == '__main__':
    main()
