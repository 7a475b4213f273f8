"""Trained models outside PyTorch: export to ONNX, ONNX Runtime and int8."""

from ranfer.deployment.export import ExportableRAN
from ranfer.deployment.onnx_export import export_onnx, fixed_boxes
from ranfer.deployment.quantize import quantize_onnx
from ranfer.deployment.runtime import ORTModel

__all__ = ['ExportableRAN', 'ORTModel', 'export_onnx', 'fixed_boxes', 'quantize_onnx']
