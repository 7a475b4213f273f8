"""How a data set frames its faces: the ``face_input`` of a model trained on it.

    python tools/dataset_converters/extract_landmarks.py data/ferplus/valid.json --out points.json
    python tools/analysis_tools/face_frame.py points.json --root data/ferplus

Prints where the two eyes, the nose and the corners of the mouth lie, as parts of width and height
(medians over the faces), and a line for the config: ``FERInferencer`` then cuts faces out of photos
as the training data has them.
"""

import argparse
import os

import cv2
import numpy as np
from mmengine.utils import track_iter_progress

from ranfer.datasets.annotation import load_rows
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.landmarks.align import fit_template

POINTS = ('left eye', 'right eye', 'nose', 'left mouth corner', 'right mouth corner')


def parse_args() -> argparse.Namespace:
    parser = tool_parser(__doc__)
    parser.add_argument('ann_file', help='annotation file (JSON) with five landmarks a face')
    parser.add_argument('--root', help='folder of the images (default: that of the file)')
    return parser.parse_args()


def read_points(ann_file: str, root: str) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks as parts of width and height, ``(N, 5, 2)``, and sides in pixels, ``(N, 2)``.

    Faces of which a landmark is hidden or was not found are left out.
    """
    hint = 'give an annotation file with landmarks, see extract_landmarks.py'
    rows = [
        row
        for row in load_rows(ann_file, hint)
        if row.get('keypoints') and all(row.get('keypoints_visible') or [1])
    ]
    if not rows:
        raise ValueError(f'ann_file: {ann_file!r} has no face with five visible landmarks; {hint}.')
    sides = np.array(
        [image_side(os.path.join(root, row['img_path'])) for row in track_iter_progress(rows)]
    )
    return np.array([row['keypoints'] for row in rows], float) / sides[:, None], sides


def image_side(path: str) -> tuple[int, int]:
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f'{path} is no image that can be decoded; correct --root or the file.')
    return image.shape[1], image.shape[0]


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        points, sides = read_points(args.ann_file, args.root or os.path.dirname(args.ann_file))
        typical = np.median(points, axis=0)
        margin, shift = fit_template(typical)
        print(f'\n{len(points)} faces')
        for name, (x, y) in zip(POINTS, typical):
            print(f'{name}: {x:.3f} {y:.3f}')
        side = round(float(np.median(sides)))
        print(f'face_input = dict(size={side}, margin={margin:.3f}, align=True, shift={shift:.3f})')


if __name__ == '__main__':
    main()
