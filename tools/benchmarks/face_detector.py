"""Share of faces that a detector finds, its landmark error and its speed on one core.

    python tools/benchmarks/face_detector.py                            # drawn faces
    python tools/benchmarks/face_detector.py --ann-file data/ferplus/valid.json --limit 200

Drawn faces are frontal and without occluder, 128 x 128; faces of an annotation file are enlarged to
160 pixels. Both get a black border of a quarter of the side.
"""

import argparse
import platform
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from ranfer.datasets.annotation import load_annotation
from ranfer.datasets.synthetic import draw
from ranfer.registry import FACE_DETECTORS


def drawn_faces(limit: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    pairs = [draw(seed=seed, size=128, yaw=0) for seed in range(limit)]
    return [image for image, _ in pairs], [truth.keypoints for _, truth in pairs]


def annotated_faces(ann_file: str, limit: int) -> list[np.ndarray]:
    rows = load_annotation(ann_file, 'make it with a converter first')['data_list'][:limit]
    paths = [str(Path(ann_file).parent / row['img_path']) for row in rows]
    return [cv2.resize(cv2.imread(p), (160, 160), interpolation=cv2.INTER_CUBIC) for p in paths]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--ann-file', help='annotation file (default: drawn faces)')
    parser.add_argument('--limit', type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    truth = None
    if args.ann_file:
        images = annotated_faces(args.ann_file, args.limit)
    else:
        images, truth = drawn_faces(args.limit)
    margin = images[0].shape[0] // 4
    images = [cv2.copyMakeBorder(i, *[margin] * 4, cv2.BORDER_CONSTANT) for i in images]
    detector = FACE_DETECTORS.build({'type': 'MTCNN'})
    detector.detect(images[:4])
    start = time.process_time()
    found = detector.detect(images)
    seconds = time.process_time() - start
    count = sum(len(faces) > 0 for faces in found)
    print(f'{platform.processor() or platform.machine()}, torch {torch.__version__}, 1 thread')
    print(f'found {count} of {len(images)} ({count / len(images):.1%})')
    print(f'{len(images) / seconds:.1f} images a second of processor time')
    if truth is not None:
        errors = [
            np.linalg.norm(faces.landmarks[faces.main()] - margin - points, axis=1).mean()
            / np.linalg.norm(points[0] - points[1])
            for faces, points in zip(found, truth)
            if len(faces)
        ]
        print(f'landmark error over inter-ocular distance: median {np.median(errors):.3f}')


if __name__ == '__main__':
    main()
