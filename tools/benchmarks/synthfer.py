"""Images a second of CPU time that the SynthFER renderer draws, ground truth included.

Files are not written. One process, one thread.

python tools/benchmarks/synthfer.py --size 128
"""

import argparse
import platform
import time

import cv2
import numpy as np

from ranfer.datasets.synthetic import render_face
from ranfer.datasets.synthetic.parts import sample_part_face


def images_a_second(part: str, size: int, images: int) -> float:
    start = time.process_time()
    for index in range(images):
        render_face(sample_part_face(part, index, seed=0)[0], size)
    return images / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--images', type=int, default=50)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--part', default='train', help='part of the data set (default: train)')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for index in range(20):
        render_face(sample_part_face(args.part, index, seed=1)[0], args.size)
    rates = [images_a_second(args.part, args.size, args.images) for _ in range(args.rounds)]
    print(
        f'{args.size}x{args.size}: best {max(rates):.0f}, median {np.median(rates):.0f} images a '
        f'second of CPU time, {args.rounds} rounds of {args.images}, 1 process, '
        f'{platform.processor() or platform.machine()}, Python {platform.python_version()}, '
        f'NumPy {np.__version__}, OpenCV {cv2.__version__}'
    )


if __name__ == '__main__':
    main()
