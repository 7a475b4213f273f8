"""Export a model: ``python tools/deployment/export_onnx.py MODEL OUT.onnx``.

MODEL is a model file, or a config with ``--checkpoint``. The file takes images and boxes with any
batch size and number of regions, or images alone with ``--fixed``; ONNX Runtime must agree with
PyTorch to 1e-4 in every logit.
"""

from ranfer.deployment import export_onnx
from ranfer.deployment.command import export_model, export_parser
from ranfer.engine.errors import one_sentence_errors


def main() -> None:
    args = export_parser('Export a model to ONNX and check it').parse_args()
    with one_sentence_errors(args.traceback):
        if not args.out.endswith('.onnx'):
            raise ValueError(f'{args.out!r} must end in .onnx, by which FERInferencer knows it.')
        difference = export_model(args, export_onnx)
    print(f'{args.out}: ONNX Runtime and PyTorch differ by at most {difference:.1e} in a logit.')


if __name__ == '__main__':
    main()
