"""Export a model: ``python tools/deployment/export_onnx.py MODEL OUT.onnx``.

MODEL is a model file, or a config with ``--checkpoint``. The file takes images and boxes with any
batch size and number of regions, or images alone with ``--fixed``; ONNX Runtime must agree with
PyTorch to 1e-4 in every logit.
"""

import argparse
from dataclasses import asdict

from ranfer.apis.model_file import ModelFile
from ranfer.deployment import export_onnx, fixed_boxes
from ranfer.engine.errors import one_sentence_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Export a model to ONNX and check it')
    parser.add_argument('model', help='model file (.pth) or config (.py)')
    parser.add_argument('out', help='ONNX file to write')
    parser.add_argument('--checkpoint', help='checkpoint of the config')
    parser.add_argument('--fixed', action='store_true', help='bake the fixed regions in')
    parser.add_argument('--traceback', action='store_true', help='show the traceback of an error')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        if args.model.endswith('.py') != (args.checkpoint is not None):
            raise ValueError(
                'A config needs --checkpoint and a model file takes none; give CONFIG --checkpoint '
                'FILE, or MODEL.pth alone.'
            )
        model = (
            ModelFile.from_config(args.model, args.checkpoint)
            if args.checkpoint
            else ModelFile.load(args.model)
        )
        difference = export_onnx(
            model.build(),
            args.out,
            dict(
                classes=list(model.classes),
                regions=model.regions,
                seed=model.seed,
                face=asdict(model.face),
                dataset=model.dataset,
            ),
            fixed_boxes(model.regions) if args.fixed else None,
            (model.face.size, model.face.size),
        )
    print(f'{args.out}: ONNX Runtime and PyTorch differ by at most {difference:.1e} in a logit.')


if __name__ == '__main__':
    main()
