"""What the export tools share: their options and the reading of the model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict

from ranfer.apis.model_file import ModelFile, model_path
from ranfer.deployment.onnx_export import fixed_boxes
from ranfer.engine.atomic import refuse_overwriting
from ranfer.engine.errors import tool_parser
from ranfer.engine.launch import add_cfg_options, merge_options, read_config


def export_parser(description: str) -> ArgumentParser:
    """Options of a tool that exports a model.

    Args:
        description: What the tool does.
    """
    parser = tool_parser(description)
    parser.add_argument('model', help='model file (.pth), shipped model by name, or config (.py)')
    parser.add_argument('out', help='file to write')
    parser.add_argument('--checkpoint', help='checkpoint of the config')
    add_cfg_options(parser)
    parser.add_argument('--fixed', action='store_true', help='bake the fixed regions in')
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
        ValueError: If a config comes without a checkpoint or a model file with one or with settings
            of a config, or the file to write is one that is read.
    """
    if args.model.endswith('.py') != (args.checkpoint is not None):
        raise ValueError(
            'A config needs --checkpoint and a model file takes none; give CONFIG --checkpoint '
            'FILE, or MODEL.pth alone.'
        )
    if args.cfg_options and not args.checkpoint:
        raise ValueError('--cfg-options needs a config; a model file has one that stays as it is.')
    if args.checkpoint:
        refuse_overwriting(args.out, args.model, args.checkpoint)
        cfg = read_config(args.model)
        merge_options(cfg, args.cfg_options or {})
        model = ModelFile.from_config(cfg, args.checkpoint)
    else:
        path = model_path(args.model)
        refuse_overwriting(args.out, path)
        model = ModelFile.load(path)
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
