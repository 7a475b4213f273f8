"""SynthFER: draw the embedded data set -> data/synthfer/{train,val,test}.json and images.

    python tools/dataset_converters/synthfer.py --out data/synthfer
    python tools/dataset_converters/synthfer.py --train 600 --test 200 --preview sheet.png

Nothing is downloaded. What is there with the same parameters is left alone; a stopped run goes on.
"""

import argparse

import numpy as np

from ranfer.datasets.converters.cli import run_converter
from ranfer.datasets.synthetic import CLASSES, render_face
from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import FORMATS, PARTS, Parameters, sample_part_face
from ranfer.visualization.figure import write_picture


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Parameters()
    parser.add_argument('--out', default='data/synthfer', help='folder (default: %(default)s)')
    for part in PARTS:
        parser.add_argument(
            f'--{part}',
            type=int,
            default=getattr(usual, part),
            metavar='N',
            help=f'images of the part {part} (default: %(default)s)',
        )
    parser.add_argument(
        '--size', type=int, default=usual.size, help='pixels (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, default=usual.seed, help='default: %(default)s')
    parser.add_argument('--suffix', choices=FORMATS, default=usual.suffix, help='file format')
    parser.add_argument('--workers', type=int, default=2, help='processes (default: %(default)s)')
    parser.add_argument('--preview', metavar='PNG', help='write a sheet of faces, a row a class')
    return parser.parse_args()


def write_preview(path: str, seed: int, size: int, columns: int = 10) -> None:
    rows = []
    for label in range(len(CLASSES)):
        faces = [sample_part_face('test', label + 7 * i, seed)[0] for i in range(columns)]
        rows.append(np.hstack([render_face(face, size)[0] for face in faces]))
    write_picture(path, np.vstack(rows)[..., ::-1])


def draw(args: argparse.Namespace) -> list[str]:
    """Make what is missing; lines of the report."""
    known = Parameters.__dataclass_fields__
    parameters = Parameters(**{key: getattr(args, key) for key in known})
    written = generate_synthfer(args.out, parameters, workers=args.workers)
    state = f'wrote {", ".join(written)}' if written else 'all splits are there already'
    lines = [f'SynthFER in {args.out}: {state}']
    if args.preview:
        write_preview(args.preview, args.seed, args.size)
        lines.append(f'{args.preview}: rows are {", ".join(CLASSES)}')
    return lines


def main() -> None:
    args = parse_args()
    run_converter(lambda: draw(args))


if __name__ == '__main__':
    main()
