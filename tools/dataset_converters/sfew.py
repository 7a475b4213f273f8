"""SFEW 2.0, film frames or aligned faces -> data/sfew/{train,valid}.json and images.

python tools/dataset_converters/sfew.py SFEW_2 --faces film       # detect and align
python tools/dataset_converters/sfew.py SFEW_2 --faces aligned    # faces of the owners
"""

from ranfer.datasets.converters.cli import add_size, converter_parser, run_converter
from ranfer.datasets.converters.sfew import convert_sfew


def main() -> None:
    parser = converter_parser(__doc__, 'data/sfew')
    parser.add_argument('--faces', choices=('film', 'aligned'), help='which images to take')
    add_size(parser)
    args = parser.parse_args()
    run_converter(lambda: convert_sfew(**vars(args)))


if __name__ == '__main__':
    main()
