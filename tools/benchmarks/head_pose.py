"""Error of the head pose from five landmarks on drawn faces, and of the pose lists made from it.

python tools/benchmarks/head_pose.py --limit 1000
"""

import argparse

import numpy as np

from ranfer.datasets.synthetic import draw
from ranfer.landmarks import head_pose


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--limit', type=int, default=1000, help='number of faces')
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    true, found = [], []
    for seed in range(args.limit):
        _, truth = draw(seed=seed, size=128, yaw=float(rng.uniform(-60, 60)))
        true.append((truth.yaw, truth.pitch, truth.roll))
        found.append(head_pose(truth.keypoints))
    error = np.abs(np.array(found) - np.array(true)).mean(0)
    yaw, guess = np.abs(np.array(true)[:, 0]), np.abs(np.array(found)[:, 0])
    print(f'mean absolute error: yaw {error[0]:.2f}, pitch {error[1]:.2f}, roll {error[2]:.2f}')
    for limit in (30, 45):
        both = ((yaw > limit) & (guess > limit)).sum()
        precision, recall = both / (guess > limit).sum(), both / (yaw > limit).sum()
        print(f'pose > {limit}: precision {precision:.3f}, recall {recall:.3f}')


if __name__ == '__main__':
    main()
