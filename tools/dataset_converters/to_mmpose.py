"""Landmarks of an annotation file -> a keypoint data set in COCO's form, to train mmpose on.

    python tools/dataset_converters/to_mmpose.py data/synthfer/train.json \\
        --out data/synthfer/mmpose_train.json --limit 3000

configs/mmpose/ has a face model that reads it; docs/mmpose.md shows the way from here to
LandmarkRegions.
"""

import argparse

from ranfer.datasets.converters.cli import run_converter
from ranfer.datasets.converters.mmpose import annotation_to_mmpose


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('ann_file', help='annotation file (JSON) with landmarks')
    parser.add_argument('--out', required=True, help='JSON file to write')
    parser.add_argument('--root', help='folder of the images (default: that of the file)')
    parser.add_argument('--limit', type=int, help='faces to take, evenly spread (default: all)')
    parser.add_argument('--strict', action='store_true', help='stop at a row that cannot be used')
    args = parser.parse_args()
    run_converter(lambda: annotation_to_mmpose(**vars(args)))


if __name__ == '__main__':
    main()
