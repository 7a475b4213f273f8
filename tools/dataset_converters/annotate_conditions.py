"""Condition lists of your own: head pose by PnP from the landmarks of an annotation file.

    python tools/dataset_converters/annotate_conditions.py data/sfew/valid.json --out lists

writes pose.csv (yaw, pitch and roll in degrees) and the lists pose30.txt and pose45.txt for
``conditions=dict(pose30='lists/pose30.txt', ...)``. Landmarks come from
extract_landmarks.py. For occlusion see the transform ranfer.RandomOcclusion.
"""

import argparse

from ranfer.datasets.converters.cli import run_converter
from ranfer.datasets.converters.pose import ANGLES, annotate_pose


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('ann_file', help='annotation file (JSON) with landmarks')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--degrees', type=float, nargs='+', default=[30, 45], help='limits')
    parser.add_argument(
        '--angles', nargs='+', choices=ANGLES, default=['yaw'], help='angles that count'
    )
    args = parser.parse_args()
    run_converter(lambda: annotate_pose(**vars(args)))


if __name__ == '__main__':
    main()
