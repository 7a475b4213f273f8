"""Fill an annotation file with five landmarks a face, found by a detector.

    python tools/dataset_converters/extract_landmarks.py data/ferplus/train.json
    python tools/dataset_converters/extract_landmarks.py data/sfew/train.json --detector \\
        "{'type': 'MMPoseDetector', 'config': 'face.py', 'checkpoint': 'face.pth'}"

A run that was interrupted goes on where it stopped.
"""

import argparse
import ast
import os

from ranfer.datasets.converters.cli import run_converter
from ranfer.datasets.converters.landmarks import extract_landmarks


def parse_detector(text: str) -> dict:
    try:
        config = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        config = None
    if not isinstance(config, dict) or 'type' not in config:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected a config such as \"{{'type': 'MTCNN'}}\""
        )
    return config


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('ann_file', help='annotation file (JSON)')
    parser.add_argument('--root', help='folder of the images (default: that of the file)')
    parser.add_argument('--out', help='annotation file to write (default: the same)')
    parser.add_argument(
        '--detector', type=parse_detector, default={'type': 'MTCNN'}, help='config of a back end'
    )
    parser.add_argument(
        '--side', type=int, default=160, help='longer side at detection, 0: as is (default: 160)'
    )
    parser.add_argument(
        '--border', type=float, default=0.25, help='black border as a part (default: 0.25)'
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes')
    parser.add_argument('--strict', action='store_true', help='stop at an unreadable image')
    parser.add_argument('--overwrite', action='store_true', help='find existing landmarks again')
    args = parser.parse_args()
    run_converter(lambda: extract_landmarks(**vars(args)))


if __name__ == '__main__':
    main()
