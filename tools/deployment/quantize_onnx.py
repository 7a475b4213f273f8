"""Quantise an ONNX file to int8: ``quantize_onnx.py IN.onnx OUT.onnx FOLDER``.

FOLDER holds face images like those of the training data; some hundred are enough. With ``--config``
the accuracy of both files on the test set of the config is printed, else how often they agree.
"""

import argparse
from collections.abc import Iterator

import cv2
import numpy as np
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from ranfer.apis.images import read_image
from ranfer.apis.sources import expand
from ranfer.datasets.transforms import PackRegionInputs, RegionCropTransform
from ranfer.deployment import ORTModel, quantize_onnx
from ranfer.engine.atomic import refuse_overwriting
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import read_config
from ranfer.regions import LandmarkRegions
from ranfer.registry import DATASETS


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Quantise an ONNX file to int8')
    parser.add_argument('source', help='ONNX file of export_onnx.py')
    parser.add_argument('out', help='ONNX file to write')
    parser.add_argument('folder', help='folder of face images for the calibration')
    parser.add_argument('--limit', type=int, default=256, help='most images for the calibration')
    parser.add_argument('--config', help='config whose test set shows the loss of accuracy')
    return parser.parse_args()


def folder_samples(folder: str, model: ORTModel, limit: int) -> list[dict]:
    """Faces of a folder with the regions of the model, evenly picked."""
    paths = [str(path) for path in expand(folder)]
    if limit < 1:
        raise ValueError(f'--limit must be at least 1, got {limit}.')
    picked = np.linspace(0, len(paths) - 1, min(limit, len(paths))).astype(int)
    crop = region_crop(model)
    side = model.metadata['face']['size']
    return [face_sample(i, path, side, crop) for i, path in enumerate(paths[k] for k in picked)]


def region_crop(model: ORTModel) -> RegionCropTransform:
    """The regions of the model, for images that come without landmarks."""
    missing = {'face', 'regions', 'seed'} - set(model.metadata)
    if missing:
        raise ValueError(
            f'{model.path} lacks {", ".join(sorted(missing))} in its metadata; write it with '
            f'tools/deployment/export_onnx.py.'
        )
    crop = RegionCropTransform(model.metadata['regions'], seed=model.metadata['seed'])
    if isinstance(crop.strategy, LandmarkRegions):
        raise ValueError(
            f'{model.path} takes its regions at landmarks, which images of a folder lack; '
            f'calibration on a folder needs regions that need no landmarks, such as FixedRegions.'
        )
    return crop


def face_sample(index: int, path: str, side: int, crop: RegionCropTransform) -> dict:
    image = cv2.resize(read_image(path), (side, side), interpolation=cv2.INTER_AREA)
    return PackRegionInputs()(crop(dict(img=image, sample_idx=index, img_path=path)))


def batches(samples: list[dict], size: int = 16) -> Iterator[dict]:
    for start in range(0, len(samples), size):
        yield pseudo_collate(samples[start : start + size])


def labels_of(model: ORTModel, samples: list[dict]) -> np.ndarray:
    runs = (model.run(model.inputs_of(batch)) for batch in batches(samples))
    return np.concatenate([run['scores'].argmax(1) for run in runs])


def test_samples(config: str) -> list[dict]:
    cfg = read_config(config)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    samples = [dataset[i] for i in range(len(dataset))]
    evaluators = cfg.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    overall = next((e.overall for e in evaluators if e.get('overall')), None)
    return [s for s in samples if overall is None or overall in s['data_samples'].conditions]


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        refuse_overwriting(args.out, args.source)
        model = ORTModel(args.source)
        samples = folder_samples(args.folder, model, args.limit)
        inputs = (model.inputs_of(batch) for batch in batches(samples))
        quantize_onnx(args.source, args.out, inputs)
        small = ORTModel(args.out)
        if args.config is None:
            same = np.mean(labels_of(model, samples) == labels_of(small, samples))
            print(f'{args.out}: int8 and float32 agree on {100 * same:.2f} % of {len(samples)}.')
            return
        samples = test_samples(args.config)
        truth = np.array([int(sample['data_samples'].gt_label) for sample in samples])
        before, after = (100 * np.mean(labels_of(m, samples) == truth) for m in (model, small))
    print(
        f'{args.out}: accuracy on {len(samples)} test images {before:.2f} % in float32, '
        f'{after:.2f} % in int8, a loss of {before - after:.2f} points.'
    )


if __name__ == '__main__':
    main()
