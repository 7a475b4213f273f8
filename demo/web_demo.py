"""A web page that names expressions: ``python demo/web_demo.py``, then open the printed address.

Needs Gradio: ``pip install "ranfer[web]"``. The page is bound to this computer alone unless
``--host`` says otherwise; pictures are removed within two hours, and when it ends. ``--max-size``
and ``--max-seconds`` set limits.
"""

import argparse
import csv
import dataclasses
import functools
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path

import cv2
import numpy as np

from ranfer.apis import FERInferencer, ModelFile, shipped_models
from ranfer.apis.annotate import annotate
from ranfer.apis.model_file import find_model, model_path
from ranfer.apis.sources import is_stream
from ranfer.datasets.synthetic import draw
from ranfer.engine.errors import one_sentence_errors
from ranfer.engine.explain import USER_ERRORS, explain
from ranfer.utils.dependencies import require

MAX_BATCH = 50
MAX_DRAWN = 10
KEPT_SECONDS = 3600
"""Age from which Gradio's copies of pictures are removed, and how often it looks."""

MAX_SECONDS = 60.0
"""Time for one request, without the wait for those before it."""

AS_TRAINED = 'as trained'
STRATEGIES = {
    AS_TRAINED: None,
    'fixed': dict(type='FixedRegions'),
    'grid 2 x 2': dict(type='GridRegions', rows=2, cols=2),
    'grid 3 x 3': dict(type='GridRegions', rows=3, cols=3),
    'landmarks': dict(type='LandmarkRegions'),
    'random': dict(type='RandomRegions'),
}
FACES = {'find faces': 'detect', 'the whole picture is one face': 'whole'}
NO_FACE = f'No face was found; if the picture is one face, choose {[*FACES][1]!r}.'
TABLE = ['file', 'face', 'expression', 'probability', 'x1', 'y1', 'x2', 'y2', 'message']
ONE_AT_A_TIME = dict(concurrency_limit=1, concurrency_id='model')
WIDTHS = ['18%', '6%', '13%', '11%', *['6%'] * 4, '28%']


@functools.lru_cache(maxsize=4)
def inferencer(model: str, strategy: str, faces: str) -> FERInferencer:
    """Load a model once for each choice on the page."""
    loaded = ModelFile.load(model_path(model))
    if STRATEGIES[strategy] is not None:
        loaded = dataclasses.replace(loaded, regions=STRATEGIES[strategy])
    return FERInferencer(loaded, faces=FACES[faces])


def check_picture(path: str) -> None:
    """Raise ``ValueError`` for what has many frames."""
    if is_stream(path):
        raise ValueError(f'{path} is a video, expected a picture; `ranfer predict` reads videos.')


def analyse_one(path: str | None, model: str, strategy: str, faces: str) -> tuple:
    """Annotated picture, the regions of all faces one below the other, and plain data."""
    if path is None:
        raise ValueError('There is no picture yet; upload one, or take one with the camera.')
    check_picture(path)
    chosen = inferencer(model, strategy, faces)
    [analysed] = chosen.analyse(path)
    picture = annotate(analysed.frame.image, analysed.result)[..., ::-1]
    shown = range(min(len(analysed.cuts), MAX_DRAWN))
    regions = np.vstack([chosen.draw_face(analysed, i) for i in shown]) if shown else None
    values = analysed.result.to_dict()
    values['source'] = Path(path).name
    return picture, regions, values


def limited(function: Callable, seconds: float | None, pool: ThreadPoolExecutor) -> Callable:
    """Let a function give up some seconds after it began.

    What was begun runs to its end in the background, and its answer is dropped; who comes next
    waits for that.

    Args:
        function: The function.
        seconds: Its time, None for no limit.
        pool: One thread for all requests.
    """

    def run(*args):
        began = threading.Event()

        def begin():
            began.set()
            return function(*args)

        future = pool.submit(begin)
        began.wait()
        try:
            return future.result(seconds)
        except TooLate as error:
            raise ValueError(
                f'This took more than {seconds:g} s and was given up; send a smaller picture, or '
                f'one with fewer faces.'
            ) from error

    return run


def analyse_many(
    paths: list[str] | None, model: str, strategy: str, faces: str, seconds: float = MAX_SECONDS
) -> tuple:
    """Rows of all faces, and a CSV file of them; what ``seconds`` do not suffice for says so."""
    if not paths:
        raise ValueError('There are no pictures yet; upload some.')
    if len(paths) > MAX_BATCH:
        raise ValueError(f'Got {len(paths)} pictures, expected at most {MAX_BATCH} at once.')
    rows = []
    chosen = inferencer(model, strategy, faces)
    end = time.monotonic() + seconds
    for path in paths:
        if time.monotonic() > end:
            rows.append(message_row(path, f'left out: the limit of {seconds:g} s was reached'))
        else:
            rows += face_rows(chosen, path)
    target = new_folder() / 'expressions.csv'
    with target.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([TABLE, *rows])
    return rows, str(target)


def face_rows(chosen: FERInferencer, path: str) -> list[list]:
    """Rows of the table for the faces of one picture, or what is to say of it."""
    try:
        check_picture(path)
        [result] = chosen(path, progress=False)
    except USER_ERRORS as error:
        return [message_row(path, explain(error))]
    if not result.faces:
        return [message_row(path, 'no face found')]
    return [
        [Path(path).name, i, face.label, round(face.probability, 4), *map(round, face.box), '']
        for i, face in enumerate(result.faces)
    ]


def message_row(path: str, text: str) -> list:
    """A row without a face; the server's folder is left out of the message."""
    name = Path(path).name
    return [name, *[''] * (len(TABLE) - 2), text.replace(path, name)]


@functools.cache
def scratch() -> tempfile.TemporaryDirectory:
    """A folder that goes when the program ends."""
    return tempfile.TemporaryDirectory(prefix='ranfer_')


def new_folder() -> Path:
    """A new folder in :func:`scratch`."""
    return Path(tempfile.mkdtemp(dir=scratch().name))


def draw_examples(folder: Path) -> list[str]:
    """Draw some example faces, one of them half hidden."""
    specs = [
        ('happiness', 3, None),
        ('surprise', 5, None),
        ('anger', 8, None),
        ('sadness', 4, None),
        ('happiness', 3, 'sunglasses'),
    ]
    paths = []
    for expression, seed, occluder in specs:
        image, _ = draw(expression, seed, 256, yaw=0, intensity=0.9, occluder=occluder)
        name = f'{expression} with {occluder}' if occluder else expression
        path = folder / f'{name}.png'
        cv2.imwrite(str(path), image)
        paths.append(str(path))
    return paths


def build_page(models: list[str], seconds: float = MAX_SECONDS):
    """Make the page.

    Args:
        models: Names or files of the models offered, the default first.
        seconds: Time for one request. Defaults to 60.
    """
    gr = require('gradio', 'pip install "ranfer[web]"', 'The web page')
    pool = ThreadPoolExecutor(1)
    one_picture = limited(analyse_one, seconds, pool)
    many_pictures = limited(functools.partial(analyse_many, seconds=seconds), None, pool)
    with gr.Blocks(title='ranfer', delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as page:
        gr.Markdown('# ranfer\nName the expression, and show which parts of the face decided it.')
        with gr.Row():
            names = [(Path(name).stem, name) for name in models]
            model = gr.Dropdown(names, value=models[0], label='model')
            strategy = gr.Dropdown(list(STRATEGIES), value=AS_TRAINED, label='regions')
            faces = gr.Radio(list(FACES), value=next(iter(FACES)), label='faces')
        choices = [model, strategy, faces]
        with gr.Tab('One picture'):
            one_picture_tab(gr, hinted(gr, told(gr, one_picture)), choices)
        with gr.Tab('Many pictures'):
            many_pictures_tab(gr, told(gr, many_pictures), choices)
    return page.queue(max_size=64)


def told(gr, function: Callable) -> Callable:
    """Show an error of a user as a message on the page."""

    @functools.wraps(function)
    def run(*args):
        try:
            return function(*args)
        except USER_ERRORS as error:
            text = explain(error)
            if isinstance(args[0], str):
                text = text.replace(args[0], Path(args[0]).name)
            raise gr.Error(text, duration=20, print_exception=False) from error

    return run


def hinted(gr, function: Callable) -> Callable:
    """Say on the page that a picture has no face: it comes back as it was."""

    @functools.wraps(function)
    def run(*args):
        picture, regions, values = function(*args)
        if not values['faces']:
            gr.Warning(NO_FACE, duration=20)
        return picture, regions, values

    return run


def one_picture_tab(gr, recognise: Callable, choices: list) -> None:
    """Lay out the tab of one picture: uploaded, drawn, or from the camera."""
    examples = draw_examples(new_folder())

    def chosen_example(event: gr.SelectData) -> str:
        return examples[event.index]

    with gr.Row():
        with gr.Column():
            upload = gr.File(type='filepath', label='picture', height=140)
            button = gr.Button('Recognise', variant='primary')
            gr.Markdown('or a drawn face:')
            drawn = gr.Gallery(
                [(path, Path(path).stem) for path in examples],
                show_label=False,
                columns=len(examples),
                height=160,
                allow_preview=False,
                interactive=False,
                buttons=[],
            )
            with gr.Accordion('camera', open=False):
                # image_mode: else Gradio would decode it before ranfer's checks
                camera = gr.Image(
                    type='filepath', sources=['webcam'], image_mode=None, show_label=False
                )
        with gr.Column():
            picture = gr.Image(label='faces', format='png', height=420, buttons=[])
    regions = gr.Image(label='regions and weights', format='png', buttons=['download'])
    with gr.Accordion('answer as JSON', open=False):
        answer = gr.JSON(show_label=False)
    outputs = [picture, regions, answer]
    uploaded = [upload, *choices]
    button.click(recognise, uploaded, outputs, api_name='recognise', **ONE_AT_A_TIME)
    upload.upload(recognise, uploaded, outputs, api_name=False, **ONE_AT_A_TIME)
    camera.change(recognise, [camera, *choices], outputs, api_name=False, **ONE_AT_A_TIME)
    drawn.select(chosen_example, None, upload, api_name=False).then(
        recognise, uploaded, outputs, api_name=False, **ONE_AT_A_TIME
    )


def many_pictures_tab(gr, recognise: Callable, choices: list) -> None:
    """Lay out the tab of many pictures and their table."""
    files = gr.File(file_count='multiple', type='filepath', label=f'up to {MAX_BATCH}', height=180)
    start = gr.Button('Recognise all', variant='primary')
    table = gr.Dataframe(headers=TABLE, label='faces', wrap=True, column_widths=WIDTHS)
    download = gr.File(label='table as CSV')
    start.click(recognise, [files, *choices], [table, download], api_name='batch', **ONE_AT_A_TIME)


def port_number(text: str) -> int:
    """Read ``--port``."""
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f'got {text!r}, expected a port from 1 to 65535')
    return int(text)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Serve a web page that names expressions')
    parser.add_argument('--model', help='name of a shipped model, or model file')
    parser.add_argument('--host', default='127.0.0.1', help='address to bind to')
    parser.add_argument('--port', type=port_number, default=7860, help='port to bind to')
    parser.add_argument('--max-size', default='10mb', help='largest upload')
    parser.add_argument(
        '--max-seconds', type=float, default=MAX_SECONDS, help='time for one request'
    )
    parser.add_argument('--traceback', action='store_true', help='show tracebacks of errors')
    return parser.parse_args()


def serve(page, args: argparse.Namespace) -> None:
    """Serve the page; Gradio's advice for a port that is taken names no option of this program."""
    try:
        page.launch(
            server_name=args.host, server_port=args.port, max_file_size=args.max_size, share=False
        )
    except OSError as error:
        if 'empty port' not in str(error):
            raise
        raise OSError(
            f'Port {args.port} of {args.host} cannot be opened, perhaps since another program uses '
            f'it; give another one by --port, or an address of this computer by --host.'
        ) from error


def main() -> None:
    """Serve the page until interrupted."""
    args = parse_args()
    with one_sentence_errors(args.traceback):
        models = [args.model] if args.model else shipped_models() or [find_model(None).stem]
        inferencer(models[0], AS_TRAINED, next(iter(FACES)))
        page = build_page(models, args.max_seconds)
        serve(page, args)


if __name__ == '__main__':
    main()
