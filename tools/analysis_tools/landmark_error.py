"""Landmark error of an annotation file that a detector filled, against the true landmarks.

    python tools/analysis_tools/landmark_error.py found.json data/synthfer/test.json
    python tools/analysis_tools/landmark_error.py found.json data/synthfer/test.json \\
        --mean-shape data/synthfer/train.json

Prints, for all rows and for each condition, the mean distance of the visible true points as a part
of the distance between the eyes. Points and faces that the detector did not find are counted
apart. The mean shape is what a model says that does not look: the mean of the visible points of
other faces.
"""

import numpy as np

from ranfer.datasets.annotation import load_rows
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.evaluation.tables import markdown_table
from ranfer.landmarks.error import landmark_error, mean_shape

HINT = 'give an annotation file with landmarks, see extract_landmarks.py'


def load(path: str) -> dict[str, dict]:
    """Rows with landmarks by image path."""
    rows = {row['img_path']: row for row in load_rows(path, HINT) if row.get('keypoints')}
    if not rows:
        raise ValueError(f'ann_file: {path!r} has no landmarks; {HINT}')
    return rows


def places_of(row: dict | None) -> dict:
    """The row, or five points that were not found."""
    return row or dict(keypoints=[[0, 0]] * 5, keypoints_visible=[0] * 5)


def points(rows: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (N, 5, 2) and their visibility (N, 5)."""
    places = np.array([row['keypoints'] for row in rows], float)
    visible = [row.get('keypoints_visible') or [1] * places.shape[1] for row in rows]
    return places, np.array(visible) > 0


def table(found: list[dict], true: list[dict], shape: np.ndarray | None) -> str:
    places, seen = points(found)
    truth, visible = points(true)
    names = sorted({name for row in true for name in row.get('conditions') or ()})
    masks = {'all': np.ones(len(true), bool)}
    for name in names:
        masks[name] = np.array([name in (row.get('conditions') or ()) for row in true])
    head = ['faces', 'count', 'visible points', 'found', 'error']
    head += ['mean shape'] * (shape is not None)
    rows = []
    for name, mask in masks.items():
        counted = visible & seen & mask[:, None]
        total = int((visible & mask[:, None]).sum())
        error = landmark_error(places, truth, counted)
        row = [name, str(mask.sum()), str(total), f'{counted.sum() / max(total, 1):.1%}']
        row.append(f'{error:.2%}')
        if shape is not None:
            guess = np.broadcast_to(shape, truth.shape)
            row.append(f'{landmark_error(guess, truth, visible & mask[:, None]):.2%}')
        rows.append(row)
    return markdown_table(head, rows)


def main() -> None:
    parser = tool_parser(__doc__)
    parser.add_argument('found', help='annotation file that extract_landmarks.py wrote')
    parser.add_argument('truth', help='annotation file with the true landmarks')
    parser.add_argument('--mean-shape', metavar='JSON', help='faces of the same size to compare')
    args = parser.parse_args()
    with one_sentence_errors(args.traceback):
        found, truth = load(args.found), load(args.truth)
        if not found.keys() & truth.keys():
            raise ValueError(
                f'found: {args.found!r} and {args.truth!r} share no image path; {HINT}'
            )
        shape = None
        if args.mean_shape:
            shape = mean_shape(*points(list(load(args.mean_shape).values())))
        rows = [places_of(found.get(path)) for path in truth]
        print(table(rows, list(truth.values()), shape))


if __name__ == '__main__':
    main()
