"""Make a model file: ``python tools/model_converters/publish_model.py CONFIG CHECKPOINT OUT``.

The file holds the weights in half precision and plain values that say how to build and feed the
model, nothing that can be executed; ``FERInferencer(OUT)`` loads it.
"""

import argparse
import os
from dataclasses import replace

import torch

from ranfer.apis.model_file import ModelFile
from ranfer.engine.atomic import refuse_overwriting
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import add_cfg_options, merge_options, read_config


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Make a model file of weights and plain values')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint that was trained with it')
    parser.add_argument('out', help='model file to write, .pth')
    add_cfg_options(parser)
    parser.add_argument('--face-size', type=int, help='side of the training faces in pixels')
    parser.add_argument('--margin', type=float, help='margin around the box of a face')
    parser.add_argument('--grey', action='store_true', default=None, help='the faces are grey')
    parser.add_argument(
        '--align', action='store_true', default=None, help='the faces are aligned by five points'
    )
    parser.add_argument('--shift', type=float, help='part of the side that aligned faces go down')
    parser.add_argument('--float32', action='store_true', help='keep single precision')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        refuse_overwriting(args.out, args.config, args.checkpoint)
        cfg = read_config(args.config)
        merge_options(cfg, args.cfg_options or {})
        model = ModelFile.from_config(cfg, args.checkpoint)
        given = dict(
            size=args.face_size,
            margin=args.margin,
            grey=args.grey,
            align=args.align,
            shift=args.shift,
        )
        face = replace(model.face, **{key: x for key, x in given.items() if x is not None})
        model = replace(model, face=face)
        model.build()
        model.save(args.out, torch.float32 if args.float32 else torch.float16)
        ModelFile.load(args.out).build()
        size = os.path.getsize(args.out) / 2**20
        print(f'{args.out}: {size:.1f} MiB, {len(model.classes)} classes, {model.face}')


if __name__ == '__main__':
    main()
