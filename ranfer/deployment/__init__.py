"""Trained models outside ranfer: ONNX, ONNX Runtime, int8 and programs of torch.export."""

from ranfer.deployment.export import ExportableRAN
from ranfer.deployment.onnx_export import export_onnx, fixed_boxes
from ranfer.deployment.quantize import quantize_onnx
from ranfer.deployment.runtime import ORTModel
from ranfer.deployment.torch_export import export_torch

__all__ = [
    'ExportableRAN',
    'ORTModel',
    'export_onnx',
    'export_torch',
    'fixed_boxes',
    'quantize_onnx',
]
