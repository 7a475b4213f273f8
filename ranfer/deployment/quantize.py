"""Static int8 quantisation of an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ranfer.deployment.runtime import ONNX_COMMAND, ORTModel
from ranfer.engine.atomic import draft_of
from ranfer.utils.dependencies import require

if TYPE_CHECKING:
    import onnx


def quantize_onnx(path: str, out: str, batches: Iterable[dict[str, np.ndarray]]) -> None:
    """Quantise the convolutions of an ONNX file, and the sums between them, to int8.

    Weights are quantised per channel, activations by the ranges that the calibration batches show.
    The attention, its softmax and the classifier stay in float32: they cost nothing and decide.

    Args:
        path: File that :func:`ranfer.deployment.export_onnx` wrote.
        out: File to write, with the same inputs, outputs and metadata. If the quantisation fails,
            a former file stays as it was.
        batches: Inputs of the file, some hundred images in all.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If there are no batches, or the file is quantised already.
    """
    onnx = require('onnx', ONNX_COMMAND, 'Quantisation')
    tools = require('onnxruntime.quantization', ONNX_COMMAND, 'Quantisation')
    with draft_of(out) as draft:
        prepared = f'{draft}.prepared'
        tools.quant_pre_process(path, prepared, skip_symbolic_shape=True)
        tools.quantize_static(
            prepared,
            draft,
            _reader(tools.CalibrationDataReader, batches),
            quant_format=tools.QuantFormat.QDQ,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=['Conv', 'Add'],
            nodes_to_exclude=_other_sums(onnx.load(prepared)),
        )
        proto = onnx.load(draft)
        if not proto.metadata_props:
            proto.metadata_props.extend(onnx.load(path).metadata_props)
            onnx.save(proto, draft)
        ORTModel(draft)


def _other_sums(proto: onnx.ModelProto) -> list[str]:
    """Names of the sums that have no part in the backbone's layers: those of attention and boxes.

    The logarithm of an absent region's weight lies so low that it would take the whole range.
    """
    layers = {y for node in proto.graph.node if node.op_type == 'Conv' for y in node.output}
    sums = [node for node in proto.graph.node if node.op_type == 'Add']
    return [node.name for node in sums if layers.isdisjoint(node.input)]


def _reader(base: type, batches: Iterable[dict[str, np.ndarray]]):
    """ONNX Runtime's calibration reader over an iterable."""

    class Reader(base):
        def __init__(self) -> None:
            self._batches = iter(batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    return Reader()
