"""Weights of an ONNX file without the package ``onnx``.

ONNX files are protocol buffers. Reading the float weights takes four message fields, so a
dependency of many megabytes is avoided.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _FLOAT_DATA, _NAME, _RAW_DATA = 1, 4, 8, 9


def read_initializers(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the float32 weights of an ONNX model.

    Args:
        path: The ONNX file.

    Returns:
        dict[str, np.ndarray]: Name -> weights in the order of the file.

    Raises:
        ValueError: If the file is cut off or no ONNX model.
    """
    weights = {}
    try:
        for graph in _messages(memoryview(Path(path).read_bytes()), _GRAPH):
            for tensor in _messages(graph, _INITIALIZER):
                name, values = _tensor(tensor)
                weights[name] = values
    except (IndexError, ValueError) as error:
        raise ValueError(
            f'{str(path)!r} is no complete ONNX model ({error}); install its package again'
        ) from error
    return weights


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number of variable length and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        wire = key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(wire, len(data) + 1)
        if position + length > len(data):
            raise ValueError('a field is cut off')
        yield key >> 3, data[position : position + length]
        position += length


def _messages(data: memoryview, number: int) -> Iterator[memoryview]:
    for field, value in _fields(data):
        if field == number and isinstance(value, memoryview):
            yield value


def _tensor(data: memoryview) -> tuple[str, np.ndarray]:
    shape: list[int] = []
    name, values = '', np.zeros(0, np.float32)
    for field, value in _fields(data):
        if field == _DIMS and isinstance(value, int):
            shape.append(value)
        elif field == _DIMS and isinstance(value, memoryview):
            position = 0
            while position < len(value):
                size, position = _varint(value, position)
                shape.append(size)
        elif field == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode('utf-8')
        elif field in (_FLOAT_DATA, _RAW_DATA) and isinstance(value, memoryview):
            values = np.concatenate([values, np.frombuffer(value, '<f4')])
    if math.prod(shape) != values.size:
        raise ValueError(f'{name} has {values.size} values, expected shape {shape}')
    return name, values.reshape(shape)
