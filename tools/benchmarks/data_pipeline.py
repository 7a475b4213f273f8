"""Boxes against ready crops in the data pipeline: ``python tools/benchmarks/data_pipeline.py``.

One process, no model: how many samples a worker delivers, and how many bytes go to the device. The
other side loads six crop files a sample and resizes each to the input size, as the release does.
"""

from __future__ import annotations

import os
import tempfile

import cv2
import numpy as np
import torch
from common import BOXES, medians, parse_args, report
from mmcv.transforms import LoadImageFromFile, Resize
from mmengine.dataset import default_collate
from mmpretrain.datasets import PackInputs

from ranfer.datasets.transforms import LoadFaceImage, PackRegionInputs, RegionCropTransform

BATCH = 64
INPUT = 224


def write_faces(folder: str, side: int, count: int) -> None:
    """Smooth noise as faces, and the paper's regions of each as files of their own."""
    rng = np.random.default_rng(0)
    for i in range(count):
        face = cv2.resize(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), (side, side))
        cv2.imwrite(os.path.join(folder, f'{i}.jpg'), face)
        for r, box in enumerate(BOXES):
            x1, y1, x2, y2 = (round(v * side) for v in box)
            cv2.imwrite(os.path.join(folder, f'{i}_{r}.jpg'), face[y1:y2, x1:x2])


class BoxPipeline:
    """The pipeline of the configs without augmentation: an image and boxes."""

    def __init__(self) -> None:
        self.steps = [LoadFaceImage(), RegionCropTransform(), PackRegionInputs()]

    def __call__(self, folder: str, index: int) -> dict:
        """Return the packed sample ``index`` of the folder."""
        results = dict(img_path=os.path.join(folder, f'{index}.jpg'), sample_idx=index, gt_label=0)
        for step in self.steps:
            results = step(results)
        return results


class CropPipeline:
    """Six files a sample, each loaded and resized, stacked to ``(6, 3, size, size)``."""

    def __init__(self, size: int = INPUT) -> None:
        self.steps = [LoadImageFromFile(), Resize(scale=(size, size)), PackInputs()]

    def __call__(self, folder: str, index: int) -> dict:
        """Return the packed sample ``index`` of the folder."""
        packed = [self._load(os.path.join(folder, f'{index}_{r}.jpg')) for r in range(6)]
        crops = torch.stack([p['inputs'] for p in packed])
        return dict(inputs=crops, data_samples=packed[0]['data_samples'])

    def _load(self, path: str) -> dict:
        results = dict(img_path=path, gt_label=0)
        for step in self.steps:
            results = step(results)
        return results


def bytes_of(batch: dict) -> int:
    """What a batch moves to the device: the images, and 16 bytes a box where there are boxes."""
    boxes = [sample.regions.nbytes for sample in batch['data_samples'] if 'regions' in sample]
    return batch['inputs'].nbytes + sum(boxes)


def main() -> None:
    args = parse_args(__doc__.split('\n')[0])
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    args.threads = 1
    batch = 4 if args.quick else BATCH
    rows = []
    for side in (48, 100, 224):
        with tempfile.TemporaryDirectory() as folder:
            write_faces(folder, side, batch)
            pipelines = {'boxes': BoxPipeline(), 'six crops': CropPipeline()}
            loads = {
                name: lambda pipeline=pipeline: default_collate(
                    [pipeline(folder, i) for i in range(batch)]
                )
                for name, pipeline in pipelines.items()
            }
            seconds = medians(loads, args.repeats)
            size = {name: bytes_of(load()) / batch for name, load in loads.items()}
        rows.append(
            {
                'face side': side,
                'boxes, samples/s': batch / seconds['boxes'],
                'six crops, samples/s': batch / seconds['six crops'],
                'speed ratio': seconds['six crops'] / seconds['boxes'],
                'boxes, KiB': size['boxes'] / 1024,
                'six crops, KiB': size['six crops'] / 1024,
                'share of bytes': size['boxes'] / size['six crops'],
                'wanted': '>= 4, <= 0.2',
            }
        )
    report(args, 'data_pipeline', {'One worker': rows})


if __name__ == '__main__':
    main()
