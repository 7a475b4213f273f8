"""ONNX files of ranfer in ONNX Runtime."""

from __future__ import annotations

import json
import os

import numpy as np

from ranfer.apis.checks import check_meta, check_types
from ranfer.deployment.export import INPUTS, OUTPUTS
from ranfer.models.data_preprocessors.region_data_preprocessor import collate_regions
from ranfer.utils.dependencies import require

KEY = 'ranfer'
RUNTIME_COMMAND = 'pip install onnxruntime'
ONNX_COMMAND = 'pip install onnx onnxruntime'


class ORTModel:
    """A model that ``tools/deployment/export_onnx.py`` wrote, run by ONNX Runtime.

    Args:
        path: ONNX file.
        threads: Threads of one operator; 0 lets ONNX Runtime choose. Defaults to 0.
        providers: Execution providers of ONNX Runtime. Defaults to the CPU.

    Attributes:
        metadata: What the export stored: ``classes``, ``regions``, ``seed``, ``face``, ``boxes``,
            ...
        fixed: Whether the boxes are baked in.
        num_classes: Number C of scores.

    Raises:
        ImportError: If onnxruntime is missing.
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no ONNX file of ranfer.

    Example:
        >>> model = ORTModel('work_dirs/ran.onnx')
        >>> scores = model.run(dict(images=images, boxes=boxes, mask=mask))['scores']
    """

    def __init__(
        self, path: str, threads: int = 0, providers: tuple[str, ...] = ('CPUExecutionProvider',)
    ) -> None:
        ort = require('onnxruntime', RUNTIME_COMMAND, 'The ONNX Runtime back end')
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f'ONNX file {path} does not exist; write it with tools/deployment/export_onnx.py.'
            )
        self._errors: tuple[type[Exception], ...] = (RuntimeError, *_own_errors(ort))
        unusable: tuple[type[Exception], ...] = (LookupError, TypeError, ValueError, *self._errors)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors come as exceptions
        try:
            self._session = ort.InferenceSession(path, options, providers=list(providers))
            inputs = [x.name for x in self._session.get_inputs()]
            outputs = [x.name for x in self._session.get_outputs()]
            if outputs != OUTPUTS or inputs not in (INPUTS, INPUTS[:1]):
                raise ValueError(f'it makes {outputs} of {inputs}')
            properties = self._session.get_modelmeta().custom_metadata_map
            self.metadata: dict = json.loads(properties[KEY])
            self.num_classes = int(self._session.get_outputs()[0].shape[1])
        except unusable as error:
            raise ValueError(
                f'{path} is no ONNX file of ranfer ({str(error).splitlines()[0]}); write it with '
                f'tools/deployment/export_onnx.py.'
            ) from error
        check_meta(self.metadata, path, partial=True)
        check_types(self.metadata.get('regions'))
        self.path = path
        self.fixed = inputs == INPUTS[:1]

    def inputs_of(self, data: dict) -> dict[str, np.ndarray]:
        """Turn a batch of a data loader into inputs of :meth:`run`.

        Args:
            data: ``inputs``, uint8 images ``(3, H, W)`` of one size, as a tensor or list, and
                ``data_samples`` with ``regions`` and ``region_mask``.

        Raises:
            ValueError: If images differ in size, or boxes are not baked in and samples lack
                ``regions`` or one has no region.
        """
        sizes = sorted({tuple(image.shape[-2:]) for image in data['inputs']})
        if len(sizes) > 1:
            raise ValueError(
                f'Images of a batch differ in height and width ({sizes[0]}, {sizes[-1]}); give '
                f'batches of one size, or batch_size=1 in the data loader.'
            )
        images = np.stack([np.asarray(image) for image in data['inputs']])
        if self.fixed:
            return dict(images=images)
        boxes, mask = collate_regions(data['data_samples'])
        return dict(images=images, boxes=boxes, mask=mask)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the file on its own inputs.

        Args:
            inputs: ``images`` ``(N, 3, H, W)`` uint8, BGR; N may be 0. Unless they are baked in,
                ``boxes`` ``(N, R, 4)`` float32, xyxy in pixels, and ``mask`` ``(N, R)`` bool, True
                where a region exists.

        Returns:
            dict: ``logits`` and ``scores`` ``(N, C)``; ``self_weights``, ``relation_weights`` and
            ``region_weights`` ``(N, R)``; where a region is missing the final weight is 0.

        Raises:
            ValueError: If ONNX Runtime refuses them.
        """
        if not len(inputs['images']):  # a backbone may be unable to reshape nothing
            one = {name: np.zeros((1, *x.shape[1:]), x.dtype) for name, x in inputs.items()}
            return {name: values[:0] for name, values in self.run(one).items()}
        try:
            return dict(zip(OUTPUTS, self._session.run(None, inputs)))
        except self._errors as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f'ONNX Runtime cannot run {self.path} on this: {reason}') from error


def _own_errors(ort) -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions, which have no class in common but Exception."""
    state = ort.capi.onnxruntime_pybind11_state
    return tuple(
        kind
        for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    )
