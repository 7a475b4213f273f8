"""RAF-DB (basic): Image/, EmoLabel/, Annotation/ -> data/rafdb/{train,test}.json and images.

python tools/dataset_converters/rafdb.py basic
python tools/dataset_converters/rafdb.py basic --image original   # own alignment, landmarks kept
"""

from ranfer.datasets.converters.cli import add_size, converter_parser, run_converter
from ranfer.datasets.converters.rafdb import convert_rafdb


def main() -> None:
    parser = converter_parser(__doc__, 'data/rafdb')
    parser.add_argument(
        '--image',
        choices=('aligned', 'original'),
        default='aligned',
        help='faces of the owners, or the originals aligned by the manual landmarks',
    )
    add_size(parser)
    args = parser.parse_args()
    run_converter(lambda: convert_rafdb(**vars(args)))


if __name__ == '__main__':
    main()
