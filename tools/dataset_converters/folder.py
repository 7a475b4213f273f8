"""Class folders -> an annotation file beside them, which can be filled with landmarks.

python tools/dataset_converters/folder.py data/my_faces/train   # writes data/my_faces/train.json
python tools/dataset_converters/folder.py data/my_faces/train --classes calm joy surprise
"""

import argparse

from ranfer.datasets.converters.cli import run_converter
from ranfer.datasets.converters.folder import annotate_folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', help='has one folder a class')
    parser.add_argument('--out', help='annotation file to write (default: FOLDER.json)')
    parser.add_argument(
        '--classes', nargs='+', help='class folders in the order of labels (default: by alphabet)'
    )
    args = parser.parse_args()
    run_converter(lambda: annotate_folder(**vars(args)))


if __name__ == '__main__':
    main()
