"""The arithmetic of region attention as pure functions (RAN, equations 1 to 3).

Weights are kept as logarithms: the normalised product of self- and relation-attention is then a
softmax of a sum, which neither overflows nor divides by zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ranfer.utils.compiling import is_compiling

ACTIVATIONS = ('sigmoid', 'sigmoid_softmax')
HALF_PRECISION = (torch.float16, torch.bfloat16)


def at_least_float32(x: Tensor) -> Tensor:
    """Return ``x`` in float32 if it is half precision, else as it is."""
    return x.float() if x.dtype in HALF_PRECISION else x


def check_activation(activation: str, owner: str) -> str:
    """Return ``activation`` or raise ``ValueError`` that names the config key of ``owner``."""
    if activation not in ACTIVATIONS:
        raise ValueError(f'{owner}.activation must be one of {ACTIVATIONS}, got {activation!r}.')
    return activation


def attention_scores(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Output of an attention layer in the precision of its input, whatever that of the layer.

    Args:
        features: ``(..., D)``, at least float32.
        weight: ``(1, D)``.
        bias: ``(1,)`` or None.

    Returns:
        Tensor: ``(...)``.
    """
    bias = None if bias is None else bias.to(features.dtype)
    return F.linear(features, weight.to(features.dtype), bias).squeeze(-1)


def log_attention(
    scores: Tensor, activation: str = 'sigmoid', mask: Tensor | None = None
) -> Tensor:
    """Logarithm of the attention weights of a set of regions.

    Args:
        scores: Output of the attention layer before its activation, ``(N, R)``, floating point.
        activation: ``'sigmoid'`` as in the paper, or ``'sigmoid_softmax'`` as in the authors' code,
            where a softmax over the regions follows the sigmoid. Defaults to ``'sigmoid'``.
        mask: True where a region exists, ``(N, R)`` bool. Defaults to all.

    Returns:
        Tensor: ``(N, R)``, at least float32, at most 0; very low where a region does not exist.
    """
    scores = at_least_float32(scores)
    absent = torch.finfo(scores.dtype).min / 4  # the sum of two stays finite
    if activation == 'sigmoid':
        # one operation, but ONNX would spell it log(sigmoid(x)) and so lose small weights
        traced = torch.onnx.is_in_onnx_export() or is_compiling()
        log_weights = -F.softplus(-scores) if traced else F.logsigmoid(scores)
    else:
        weights = torch.sigmoid(scores)
        weights = weights if mask is None else weights.masked_fill(~mask, absent)
        log_weights = torch.log_softmax(weights, dim=1)
    return log_weights if mask is None else log_weights.masked_fill(~mask, absent)


def normalised_weights(log_weights: Tensor, mask: Tensor | None = None) -> Tensor:
    """Weights that sum to 1 over the existing regions of a sample.

    Args:
        log_weights: From :func:`log_attention`, or a sum of such, ``(N, R)``.
        mask: True where a region exists, ``(N, R)`` bool. Defaults to all.

    Returns:
        Tensor: ``(N, R)``; exactly 0 where a region does not exist.
    """
    weights = torch.softmax(log_weights, dim=1)
    return weights if mask is None else weights.masked_fill(~mask, 0)


def weighted_sum(features: Tensor, weights: Tensor) -> Tensor:
    """Sum a set of features by weights: ``(N, R, D)`` and ``(N, R)`` give ``(N, D)``."""
    return torch.bmm(weights.unsqueeze(1), features).squeeze(1)
