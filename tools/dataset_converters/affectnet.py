"""AffectNet, csv or npy release -> data/affectnet/{train,valid}.json and images.

python tools/dataset_converters/affectnet.py Manually_Annotated training.csv validation.csv
python tools/dataset_converters/affectnet.py FOLDER_WITH_train_set_AND_val_set --faces align
"""

from ranfer.datasets.converters.affectnet import FACES, convert_affectnet
from ranfer.datasets.converters.cli import add_size, converter_parser, run_converter


def main() -> None:
    parser = converter_parser(__doc__, 'data/affectnet')
    parser.add_argument(
        '--faces', choices=FACES, help='box (csv release), align (by landmarks) or whole image'
    )
    add_size(parser)
    args = parser.parse_args()
    run_converter(lambda: convert_affectnet(**vars(args)))


if __name__ == '__main__':
    main()
