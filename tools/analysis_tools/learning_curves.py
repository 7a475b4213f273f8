"""Draw the curves of a training: ``python tools/analysis_tools/learning_curves.py WORK_DIR``."""

import argparse
from pathlib import Path

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.visualization import draw_learning_curves, read_scalars, write_picture


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Draw losses, accuracies and learning rate')
    parser.add_argument('work_dir', help='work directory of tools/train.py, or its scalars.json')
    parser.add_argument('--out', help='picture to write; WORK_DIR/learning_curves.png by default')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        source = Path(args.work_dir)
        folder = source if source.is_dir() else source.parent
        out = Path(args.out) if args.out else folder / 'learning_curves.png'
        title = folder.name if source.is_dir() or source.stem == 'scalars' else source.stem
        write_picture(out, draw_learning_curves(read_scalars(source), title))
        print(out)


if __name__ == '__main__':
    main()
