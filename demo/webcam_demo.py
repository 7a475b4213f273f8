"""Show the expressions before a camera: ``python demo/webcam_demo.py [--camera 0]``; q ends it."""

import argparse
import os
import sys

import cv2

from ranfer.apis import FERInferencer
from ranfer.apis.annotate import annotate
from ranfer.engine.errors import one_sentence_errors


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Show the expressions before a camera')
    parser.add_argument('--camera', type=int, default=0, help='index of the camera')
    parser.add_argument('--model', help='name of a shipped model, or model file')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda')
    parser.add_argument('--smoothing', type=float, default=0.6, help='share of earlier frames')
    parser.add_argument('--traceback', action='store_true', help='show tracebacks of errors')
    return parser.parse_args()


def check_display() -> None:
    """Refuse to start where no window can open: Qt would end the process without a sentence."""
    windows = next((line for line in cv2.getBuildInformation().splitlines() if 'GUI:' in line), '')
    linux = sys.platform.startswith('linux')
    if 'NONE' in windows or (linux and not {'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys()):
        raise OSError(
            'No window can open here, for there is no display or OpenCV is built without windows; '
            'write a film with `ranfer predict 0 --out FOLDER` instead.'
        )


def main() -> None:
    """Show frame after frame."""
    args = parse_args()
    with one_sentence_errors(args.traceback):
        check_display()
        inferencer = FERInferencer(args.model, device=args.device)
        for analysed in inferencer.analyse(args.camera, batch_size=1, smoothing=args.smoothing):
            cv2.imshow('ranfer (q ends)', annotate(analysed.frame.image, analysed.result))
            if cv2.waitKey(1) & 0xFF == ord('q'):
                break
        cv2.destroyAllWindows()


if __name__ == '__main__':
    main()
