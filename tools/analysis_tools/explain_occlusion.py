"""Does a model look away from what is hidden?

``python tools/analysis_tools/explain_occlusion.py CONFIG CHECKPOINT`` measures it on the test split
of SynthFER, where the place of the occluder is known: mean weight of hidden against visible
regions. It also slides a bar over one face and draws how weights and probability react.
"""

import argparse
import json
import os.path as osp
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.utils import track_iter_progress
from mmpretrain.registry import DATASETS, MODELS

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import add_config_arguments, apply_common_arguments, read_config
from ranfer.engine.weights import load_weights
from ranfer.evaluation.hidden_regions import compare_hidden, hidden_share
from ranfer.evaluation.tables import markdown_table
from ranfer.visualization.figure import write_picture
from ranfer.visualization.occlusion import draw_hidden_regions, draw_sliding
from ranfer.visualization.region_weights import mean_region_weights

BATCH = 32


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Measure attention on hidden regions')
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='folder of the results; WORK_DIR/occlusion by default')
    parser.add_argument('--num', type=int, help='use so many occluded and free faces at most')
    parser.add_argument('--face', type=int, default=0, help='which free face the bar slides over')
    parser.add_argument('--bar', type=float, default=0.3, help='height of the bar, as a share')
    parser.add_argument('--hidden-from', type=float, default=0.5, help='share that makes hidden')
    parser.add_argument('--visible-to', type=float, default=0.4, help='share still visible')
    return parser.parse_args()


@torch.inference_mode()
def predict(model: torch.nn.Module, items: list[dict]) -> list:
    """Predicted samples of packed items."""
    samples = []
    starts = range(0, len(items), BATCH)
    for start in track_iter_progress((starts, len(starts))):
        samples += model.test_step(pseudo_collate(items[start : start + BATCH]))
    if 'region_weights' not in samples[0]:
        raise ValueError('The model has no region weights; give a config with ranfer.RANNeck.')
    return samples


def stack(samples: list, key: str) -> np.ndarray:
    values = [sample.get(key) for sample in samples]
    return np.stack([v.float().cpu().numpy() if torch.is_tensor(v) else v for v in values])


def check(dataset, args: argparse.Namespace) -> tuple[list[dict], list[int], list[int]]:
    """Data of all samples, and the indices of those with an occluder and of those without."""
    if args.num is not None and args.num < 1:
        raise ValueError(f'--num must be at least 1, got {args.num}.')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    hidden = [i for i, info in enumerate(infos) if _is_hidden(info)]
    free = [i for i, info in enumerate(infos) if info.get('occluder') is None]
    if not hidden or not free:
        raise ValueError(
            'The test split has no faces with and without a known occluder (occluder_box); give '
            'the config of a model on SynthFER.'
        )
    if not 0 <= args.face < len(free):
        raise ValueError(f'--face must be in [0, {len(free)}), got {args.face}.')
    if dataset[free[args.face]]['inputs'].dim() != 3:
        raise ValueError('The bar slides over whole images; drop crop_size from the pipeline.')
    return infos, hidden, free


def measure(
    model: torch.nn.Module,
    dataset,
    args: argparse.Namespace,
    infos: list[dict],
    hidden: list[int],
    free: list[int],
) -> tuple[dict, np.ndarray]:
    """Figures, and the picture of weight over hidden share."""
    usual = usual_weights(predict(model, [dataset[i] for i in free]))
    samples = predict(model, [dataset[i] for i in hidden])
    weights, regions = stack(samples, 'region_weights'), stack(samples, 'regions')
    mask = stack(samples, 'region_mask')[:, : weights.shape[1]] & np.isfinite(usual)
    boxes = np.array([infos[i]['occluder_box'] for i in hidden], float)
    scale = [
        np.array(s.img_shape[:2][::-1] * 2) / np.array(s.ori_shape[:2][::-1] * 2) for s in samples
    ]
    shares = hidden_share(regions[:, : weights.shape[1]], (boxes * np.array(scale))[:, None])
    found = compare_hidden(weights, shares, usual, mask, args.hidden_from, args.visible_to)
    figures = dict(
        asdict(found),
        usual=[float(x) if np.isfinite(x) else None for x in usual],
        mean_hidden_share=shares.mean(axis=0).tolist(),
        hidden_from=args.hidden_from,
        visible_to=args.visible_to,
    )
    return figures, draw_hidden_regions(shares[mask], (weights / usual)[mask])


def usual_weights(samples: list) -> np.ndarray:
    """Mean weight of every region over the samples that have it; NaN where none has."""
    weights = stack(samples, 'region_weights')
    mask = stack(samples, 'region_mask')[:, : weights.shape[1]]
    rows = dict(all=np.ones(len(weights), bool))
    return mean_region_weights(weights, rows, mask)['all'].mean


def _is_hidden(info: dict) -> bool:
    return 'occlusion' in info['conditions'] and info.get('occluder_box') is not None


def slide(model: torch.nn.Module, dataset, index: int, bar: float) -> np.ndarray:
    """The picture of a bar that slides over one free face."""
    item = dataset[index]
    image = item['inputs']
    positions = np.linspace(0, 1, 31)
    faces = [_with_bar(image, position, bar) for position in positions]
    items = [dict(inputs=x, data_samples=item['data_samples'].clone()) for x in [*faces, image]]
    samples = predict(model, items)
    scores = stack(samples, 'pred_score')
    label = int(scores[-1].argmax())
    weights = stack(samples, 'region_weights')
    pictures = np.stack([x.numpy().transpose(1, 2, 0)[..., ::-1] for x in faces])
    names = ['0 face', *map(str, range(1, weights.shape[1]))]
    name = dataset.metainfo['classes'][label]
    return draw_sliding(pictures, positions, scores[:, label], weights, name, names)


def _with_bar(image: torch.Tensor, position: float, height: float) -> torch.Tensor:
    """Grey out a bar of full width; ``image`` is ``(3, H, W)`` uint8."""
    side = image.shape[1]
    top, bottom = (round(side * (position + s * height / 2)) for s in (-1, 1))
    covered = image.clone()
    covered[:, max(top, 0) : max(bottom, 0)] = 110
    return covered


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        cfg = apply_common_arguments(read_config(args.config), args)
        init_default_scope(cfg.get('default_scope', 'mmpretrain'))
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        model = MODELS.build(cfg.model)
        load_weights(model, args.checkpoint)
        model.to(get_device()).eval()
        folder = Path(args.out or osp.join(cfg.work_dir, 'occlusion'))
        infos, hidden, free = check(dataset, args)
        chosen = hidden[: args.num], free[: args.num]
        figures, picture = measure(model, dataset, args, infos, *chosen)
        write_picture(folder / 'hidden_regions.png', picture)
        (folder / 'hidden_regions.json').write_text(json.dumps(figures, indent=2))
        write_picture(folder / 'sliding_bar.png', slide(model, dataset, free[args.face], args.bar))
        rows = [
            ['hidden', f'{figures["hidden_weight"]:.4f}', f'{figures["hidden_relative"]:.4f}'],
            ['visible', f'{figures["visible_weight"]:.4f}', f'{figures["visible_relative"]:.4f}'],
        ]
        print('\n' + markdown_table(['regions', 'mean weight', 'weight / usual'], rows))
        low, high = figures['interval']
        print(
            f'\nhidden - visible, relative: {figures["difference"]:+.4f} '
            f'(95 % interval {low:+.4f} to {high:+.4f}) over {figures["faces"]} faces; lower in '
            f'{figures["lower_share"]:.1%}; rank correlation {figures["rank_correlation"]:+.3f}'
        )
        print(f'Pictures and figures are in {folder}.')


if __name__ == '__main__':
    main()
