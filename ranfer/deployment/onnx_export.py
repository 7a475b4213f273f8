"""From a trained model to an ONNX file that says how to feed it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ranfer.deployment.export import (
    INPUTS,
    OUTPUTS,
    ExportableRAN,
    description,
    example_inputs,
    exportable,
    largest_difference,
)
from ranfer.deployment.runtime import KEY, ONNX_COMMAND, ORTModel
from ranfer.engine.atomic import draft_of
from ranfer.regions import FixedRegions
from ranfer.registry import REGIONS
from ranfer.utils.dependencies import require
from ranfer.utils.scope import registered_only

OPSET = 17


def export_onnx(
    model: nn.Module,
    path: str,
    metadata: Mapping | None = None,
    boxes: np.ndarray | None = None,
    size: tuple[int, int] = (112, 112),
) -> float:
    """Write a model as ONNX and compare it with PyTorch by ONNX Runtime.

    Inputs of the file: ``images`` ``(N, 3, H, W)`` uint8 in BGR order and, unless they are baked
    in, ``boxes`` ``(N, R, 4)`` float32, xyxy in pixels, and ``mask`` ``(N, R)`` bool. N, R, H and W
    are free. Outputs: ``logits`` and ``scores`` ``(N, C)``, ``self_weights``, ``relation_weights``
    and ``region_weights`` ``(N, R)``.

    Args:
        model: Model as :class:`ExportableRAN` takes it; a copy of it in float32 is exported.
        path: File to write. If the export fails, a former file stays as it was.
        metadata: Plain values stored in the file, read back by :class:`ORTModel`; usually
            ``classes``, ``regions``, ``seed`` and ``face``. Defaults to none.
        boxes: Boxes ``(R, 4)`` to bake in, xyxy as fractions of width and height. Defaults to None.
        size: Height and width of the images of the comparison.

    Returns:
        float: Largest difference of a logit over images of this and another size, batch size and
        number of regions.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If the file and PyTorch differ by more than 1e-4, or the file refuses another
            batch size or number of regions.
    """
    onnx = require('onnx', ONNX_COMMAND, 'The export')
    require('onnxruntime', ONNX_COMMAND, 'The check of the export')
    module = exportable(model, boxes)
    with draft_of(path) as draft:
        _write(module, draft, size)
        _annotate(onnx, draft, description(module, metadata))
        session = ORTModel(draft)

        def logits(data: dict[str, Tensor]) -> Tensor:
            found = session.run({name: value.numpy() for name, value in data.items()})
            return torch.from_numpy(found['logits'])

        return largest_difference(module, logits, path, size)


def fixed_boxes(regions: Mapping) -> np.ndarray:
    """Boxes of a region strategy that are the same in every image, the whole face first.

    Args:
        regions: Config of the strategy.

    Returns:
        np.ndarray: ``(R, 4)`` float32, xyxy as fractions of width and height.

    Raises:
        ValueError: If the boxes of the strategy differ from image to image.
    """
    with registered_only('ranfer'):
        strategy = REGIONS.build(dict(regions))
    if not isinstance(strategy, FixedRegions):
        raise ValueError(
            f'Boxes of {type(strategy).__name__} differ from image to image and cannot be baked '
            f'in; export with boxes as an input.'
        )
    boxes, _ = strategy((1, 1), None, np.random.default_rng(0))
    return np.concatenate([[[0, 0, 1, 1]], boxes]).astype(np.float32)


def _write(module: ExportableRAN, path: str, size: tuple[int, int]) -> None:
    names = INPUTS if module.boxes is None else INPUTS[:1]
    axes = {'images': {0: 'N', 2: 'H', 3: 'W'}, 'boxes': {0: 'N', 1: 'R'}, 'mask': {0: 'N', 1: 'R'}}
    free = {name: {0: 'N', 1: 'R'} for name in OUTPUTS}
    free['logits'] = free['scores'] = {0: 'N'}
    # The exporter that traces is in every PyTorch from 2.1; from 2.5 on it is the second of two.
    two = 'dynamo' in inspect.signature(torch.onnx.export).parameters
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        # Its sampling ratio of -1, the grid that adapts to a box, is the 0 of ONNX.
        warnings.filterwarnings('ignore', 'ONNX export for RoIAlign')
        torch.onnx.export(
            module,
            tuple(example_inputs(module, 2, 3, size).values()),
            path,
            input_names=names,
            output_names=OUTPUTS,
            dynamic_axes={name: axes[name] for name in names} | free,
            opset_version=OPSET,
            **(dict(dynamo=False) if two else {}),
        )


def _annotate(onnx, path: str, text: str) -> None:
    proto = onnx.load(path)
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, text
    onnx.save(proto, path)
