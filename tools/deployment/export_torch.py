"""Export a model for PyTorch alone: ``python tools/deployment/export_torch.py MODEL OUT.pt2``.

MODEL is a model file, or a config with ``--checkpoint``. The program takes images and boxes with
any batch size and number of regions, or images alone with ``--fixed``, and must agree with the
model to 1e-4 in every logit. ``--compile`` compiles it ahead of time for this kind of machine.
"""

from ranfer.deployment import export_torch
from ranfer.deployment.command import export_model, export_parser
from ranfer.engine.errors import one_sentence_errors


def main() -> None:
    parser = export_parser('Export a model by torch.export and check it')
    parser.add_argument(
        '--compile', action='store_true', help='compile it by AOTInductor (needs a C++ compiler)'
    )
    args = parser.parse_args()
    with one_sentence_errors(args.traceback):
        difference = export_model(args, export_torch, compiled=args.compile)
    print(f'{args.out}: the program and the model differ by at most {difference:.1e} in a logit.')


if __name__ == '__main__':
    main()
