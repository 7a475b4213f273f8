"""FERPlus: votes and FER2013 images -> data/ferplus/{train,valid,test}.json and images.

    python tools/dataset_converters/ferplus.py fer2013.csv fer2013new.csv
    python tools/dataset_converters/ferplus.py FOLDER_WITH_ZIPS_AND_CSV --protocol argmax
    python tools/dataset_converters/ferplus.py FOLDER --protocol lists \\
        --list train=dlibcrop_train_list.txt --list test=dlibcrop_test_list.txt,test_labels.txt

Protocols: majority (one expression has more than half of the votes that are no single votes),
argmax (the largest of all ten columns), probability (train on the vote distribution), lists (files
with 'label/image crops' a line and, optionally, a second file with a label a line).
"""

import argparse

from ranfer.datasets.converters.cli import converter_parser, run_converter
from ranfer.datasets.converters.ferplus import PROTOCOLS, convert_ferplus


def parse_list(text: str) -> tuple[str, tuple[str, str | None]]:
    split, _, files = text.partition('=')
    images, _, labels = files.partition(',')
    if split not in ('train', 'valid', 'test') or not images:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected train, valid or test, '=' and one or two files, as in "
            f'test=images.txt,labels.txt'
        )
    return split, (images, labels or None)


def main() -> None:
    parser = converter_parser(__doc__, 'data/ferplus')
    parser.add_argument('--protocol', choices=PROTOCOLS, default='majority')
    parser.add_argument(
        '--list',
        dest='lists',
        action='append',
        type=parse_list,
        default=[],
        metavar='SPLIT=IMAGES[,LABELS]',
        help='list files of a split (protocol lists)',
    )
    args = parser.parse_args()
    if len(dict(args.lists)) < len(args.lists):
        parser.error('--list: a split is given twice; write its names into one file')
    args.lists = dict(args.lists)
    run_converter(lambda: convert_ferplus(**vars(args)))


if __name__ == '__main__':
    main()
