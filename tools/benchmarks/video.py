"""Faces per second of a whole video: ``python tools/benchmarks/video.py``.

Draws a film of two faces that move, turn and change their expression, tracks and classifies it, and
compares batches with one frame, or face, at a time. The annotated film and its table stay in
``--out``.
"""

from __future__ import annotations

import os
import os.path as osp
import statistics
from functools import partial

import cv2
import numpy as np
from common import parse_args, report, times

from ranfer.apis import FERInferencer, analyse_video
from ranfer.datasets.synthetic import draw

WIDTH, HEIGHT, SIDE, RATE = 640, 360, 176, 25
ACTORS = (('happiness', 3), ('surprise', 5))
"""Expression and seed of the faces, from left to right."""

STEPS = 24
"""Drawn pictures of a face; they are shown forth and back."""

BATCH = 16


def pictures(expression: str, seed: int, steps: int) -> list[np.ndarray]:
    """A face that turns from left to right while its expression grows."""
    return [
        draw(expression, seed, SIDE, yaw=30 * (2 * t - 1), intensity=t)[0]
        for t in np.linspace(0, 1, steps)
    ]


def write_film(path: str, frames: int, steps: int) -> None:
    """Write a film of the actors, each on a path of its own."""
    actors = [pictures(*actor, steps) for actor in ACTORS]
    film = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), RATE, (WIDTH, HEIGHT))
    for index in range(frames):
        frame = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
        for number, actor in enumerate(actors):
            swing = np.sin(2 * np.pi * (index / (4 * RATE) + number / 3))
            x = round(WIDTH * (1 + 2 * number) / 4 - SIDE / 2 + 60 * swing)
            y = round((HEIGHT - SIDE) * (0.5 + 0.4 * swing * (-1) ** number))
            turn = (index + 7 * number) % (2 * steps - 2)
            frame[y : y + SIDE, x : x + SIDE] = actor[min(turn, 2 * steps - 2 - turn)]
        film.write(frame)
    film.release()


def film_rows(args, inferencer: FERInferencer, film: str, repeats: int) -> list[dict]:
    """Whole way from the file to the annotated file and the table, by batch."""
    outputs = dict(out=osp.join(args.out, 'video.mp4'), table=osp.join(args.out, 'video.csv'))
    seen = {}

    def run(batch: int) -> None:
        seen[batch] = analyse_video(inferencer, film, batch_size=batch, progress=False, **outputs)

    cases = {batch: partial(run, batch) for batch in (1, BATCH)}
    seconds = times(cases, repeats, args.device)
    return [
        {
            'frames at once': batch,
            'frames': seen[batch].frames,
            'faces': seen[batch].faces,
            'tracks': seen[batch].tracks,
            'frames/s': seen[batch].frames / statistics.median(values),
            'faces/s': seen[batch].faces / statistics.median(values),
        }
        for batch, values in seconds.items()
    ]


def face_rows(args, inferencer: FERInferencer, film: str, repeats: int) -> list[dict]:
    """Found faces alone: cut, classified and weighed, by batch."""
    capture = cv2.VideoCapture(film)
    frames = [image for image in (capture.read()[1] for _ in range(BATCH)) if image is not None]
    cuts = [cut for one in inferencer.analyse(frames) for cut in one.cuts]
    predict = inferencer.classifier.predict
    cases = {1: lambda: [predict([cut]) for cut in cuts], len(cuts): lambda: predict(cuts)}
    return [
        {'faces at once': batch, 'faces/s': len(cuts) / statistics.median(values)}
        for batch, values in times(cases, repeats, args.device).items()
    ]


def main() -> None:
    args = parse_args(__doc__.split('\n')[0], model='', seconds=20.0, film_repeats=3)
    frames, steps = (10, 4) if args.quick else (round(args.seconds * RATE), STEPS)
    inferencer = FERInferencer(args.model or None, device=args.device)
    os.makedirs(args.out, exist_ok=True)
    film = osp.join(args.out, 'film.avi')
    write_film(film, frames, steps)
    tables = {
        'Video': film_rows(args, inferencer, film, 1 if args.quick else args.film_repeats),
        'Faces': face_rows(args, inferencer, film, args.repeats),
    }
    for rows in tables.values():
        for row in rows:
            row['against one by one'] = row['faces/s'] / rows[0]['faces/s']
    report(args, 'video', tables)


if __name__ == '__main__':
    main()
