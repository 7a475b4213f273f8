"""Convert checkpoints: the authors' RAN to ranfer and back, or a face-pretrained backbone.

    python tools/model_converters/ran_official_to_ranfer.py ran.pth.tar ran_ranfer.pth
    python tools/model_converters/ran_official_to_ranfer.py ran_ranfer.pth ran.pth --to official
    python tools/model_converters/ran_official_to_ranfer.py msceleb.pth r18.pth --kind backbone
    python tools/model_converters/ran_official_to_ranfer.py vgg_face.pth vgg.pth --kind backbone
    python tools/model_converters/ran_official_to_ranfer.py arcface_r50.pth ir50.pth --kind backbone

``configs/ran/ran_r18_official.py`` computes what the authors' code computes. A converted backbone
(a ResNet in torchvision's names, VGG-16 in torchvision's or Caffe's, an IResNet in InsightFace's)
goes into a training with ``--cfg-options load_from=r18.pth``. What the backbone has no use for is
listed.
"""

import argparse

import torch

from ranfer.engine import load_checkpoint
from ranfer.engine.atomic import open_beside, refuse_overwriting
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.weights import state_dict_of
from ranfer.models.converters import (
    iresnet_depth,
    iresnet_to_ranfer,
    is_iresnet,
    is_vgg,
    official_to_ranfer,
    ranfer_to_official,
    resnet_to_ranfer,
    vgg_to_ranfer,
)


def parse_args() -> argparse.Namespace:
    parser = tool_parser(__doc__)
    parser.add_argument('source', help='checkpoint to read')
    parser.add_argument('target', help='checkpoint to write')
    parser.add_argument('--kind', choices=['ran', 'backbone'], default='ran', help='what source is')
    parser.add_argument('--to', choices=['ranfer', 'official'], default='ranfer')
    args = parser.parse_args()
    if args.kind == 'backbone' and args.to == 'official':
        parser.error('--to official: the authors have names for a whole RAN alone; use --kind ran')
    return args


def tensors_of(checkpoint: dict, path: str) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint, or the checkpoint if it is one."""
    state_dict = state_dict_of(checkpoint, path)
    if not all(isinstance(value, torch.Tensor) for value in state_dict.values()):
        raise ValueError(
            f'{path} holds no state_dict that maps names to tensors; give a checkpoint of weights.'
        )
    return state_dict


def convert_backbone(state_dict: dict) -> dict:
    to_ranfer = resnet_to_ranfer
    if is_vgg(state_dict):
        to_ranfer = vgg_to_ranfer
    elif is_iresnet(state_dict):
        to_ranfer = iresnet_to_ranfer
        print(f'IResNet, depth={iresnet_depth(state_dict)}')
    converted, left_out = to_ranfer(state_dict)
    print(f'left out: {", ".join(left_out) or "nothing"}')
    return converted


def convert(state_dict: dict, args: argparse.Namespace) -> dict:
    if args.kind == 'backbone':
        return convert_backbone(state_dict)
    return official_to_ranfer(state_dict) if args.to == 'ranfer' else ranfer_to_official(state_dict)


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        refuse_overwriting(args.target, args.source)
        checkpoint = load_checkpoint(args.source, map_location='cpu')
        converted = convert(tensors_of(checkpoint, args.source), args)
        with open_beside(args.target) as file:
            torch.save({'state_dict': converted}, file)
        print(f'{args.target}: {len(converted)} tensors')


if __name__ == '__main__':
    main()
