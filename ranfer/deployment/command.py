"""What the export tools share: their options and the reading of the model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict

from ranfer.apis.model_file import ModelFile
from ranfer.deployment.onnx_export import fixed_boxes


def export_parser(description: str) -> ArgumentParser:
    """Options of a tool that exports a model.

    Args:
        description: What the tool does.
    """
    parser = ArgumentParser(description=description)
    parser.add_argument('model', help='model file (.pth) or config (.py)')
    parser.add_argument('out', help='file to write')
    parser.add_argument('--checkpoint', help='checkpoint of the config')
    parser.add_argument('--fixed', action='store_true', help='bake the fixed regions in')
    parser.add_argument('--traceback', action='store_true', help='show the traceback of an error')
    return parser


def export_model(args: Namespace, export: Callable[..., float], **options: object) -> float:
    """Read the model of a command line and export it.

    Args:
        args: What :func:`export_parser` parsed.
        export: Such as :func:`ranfer.deployment.export_onnx`.
        **options: Passed to ``export``.

    Returns:
        float: What ``export`` returns, the largest difference of a logit.

    Raises:
        ValueError: If a config comes without a checkpoint or a model file with one.
    """
    if args.model.endswith('.py') != (args.checkpoint is not None):
        raise ValueError(
            'A config needs --checkpoint and a model file takes none; give CONFIG --checkpoint '
            'FILE, or MODEL.pth alone.'
        )
    model = (
        ModelFile.from_config(args.model, args.checkpoint)
        if args.checkpoint
        else ModelFile.load(args.model)
    )
    metadata = dict(
        classes=list(model.classes),
        regions=model.regions,
        seed=model.seed,
        face=asdict(model.face),
        dataset=model.dataset,
    )
    boxes = fixed_boxes(model.regions) if args.fixed else None
    size = (model.face.size, model.face.size)
    return export(model.build(), args.out, metadata, boxes, size, **options)
