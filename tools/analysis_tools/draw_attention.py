"""Draw what a model looks at: ``python tools/analysis_tools/draw_attention.py CONFIG CHECKPOINT``.

Writes one picture a face: regions coloured by their weight, crops with mu and nu, probabilities.
"""

import argparse
import os.path as osp

import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, MODELS

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import add_config_arguments, apply_common_arguments, read_config
from ranfer.engine.weights import load_weights
from ranfer.visualization.figure import write_picture
from ranfer.visualization.visualizer import draw_sample, face_of_input


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Draw the attention on test samples')
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--num', type=int, default=4, help='number of faces, spread over the split')
    parser.add_argument('--out', help='folder of the pictures; WORK_DIR/attention by default')
    return parser.parse_args()


@torch.inference_mode()
def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        cfg = apply_common_arguments(read_config(args.config), args)
        if args.num < 1:
            raise ValueError(f'--num must be at least 1, got {args.num}.')
        init_default_scope(cfg.get('default_scope', 'mmpretrain'))
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        model = MODELS.build(cfg.model)
        load_weights(model, args.checkpoint)
        model.to(get_device()).eval()
        classes = dataset.metainfo.get('classes')
        folder = args.out or osp.join(cfg.work_dir, 'attention')
        for index in range(0, len(dataset), max(len(dataset) // args.num, 1))[: args.num]:
            item = dataset[index]
            sample = model.test_step(pseudo_collate([item]))[0]
            if 'region_weights' not in sample:
                raise ValueError(
                    'The model has no region weights to draw; give the config of a RAN.'
                )
            face, sample = face_of_input(item['inputs'].numpy(), sample)
            name = osp.basename(sample.img_path)
            path = osp.join(folder, f'{index:05d}_{osp.splitext(name)[0]}.png')
            write_picture(path, draw_sample(face, sample, classes, name))
            print(path)


if __name__ == '__main__':
    main()
