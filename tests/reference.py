"""RAN from the equations: float64 scalars and loops over samples, regions and channels.

Independent of the library on purpose: no tensor operation, no logarithms, no shared helper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Reference:
    mu: list[list[float]]
    nu: list[list[float]]
    weights: list[list[float]]
    face: list[list[float]]
    descriptor: list[list[float]]
    logits: list[list[float]]


def dot(a, b) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def attention(scores: list[float], exists: list[bool], activation: str) -> list[float]:
    """Weights of one sample; None-free: 0 where a region does not exist."""
    raw = [sigmoid(s) for s in scores]
    if activation == 'sigmoid_softmax':
        total = sum(math.exp(r) for r, e in zip(raw, exists) if e)
        raw = [math.exp(r) / total for r in raw]
    return [r if e else 0.0 for r, e in zip(raw, exists)]


def ran(features, mask, q0, b0, q1, b1, fc, fc_bias, activation: str) -> Reference:
    """Equations 1 and 3 for features (N, R, D) given as nested lists."""
    out = Reference([], [], [], [], [], [])
    for sample, exists in zip(features, mask):
        dim = len(sample[0])
        mu = attention([dot(q0, f) + b0 for f in sample], exists, activation)
        face = [sum(m * f[d] for m, f in zip(mu, sample)) / sum(mu) for d in range(dim)]
        joined = [list(f) + face for f in sample]
        nu = attention([dot(q1, j) + b1 for j in joined], exists, activation)
        product = [m * n for m, n in zip(mu, nu)]
        descriptor = [
            sum(p * j[d] for p, j in zip(product, joined)) / sum(product) for d in range(2 * dim)
        ]
        out.mu.append(mu)
        out.nu.append(nu)
        out.weights.append([p / sum(product) for p in product])
        out.face.append(face)
        out.descriptor.append(descriptor)
        out.logits.append([dot(row, descriptor) + b for row, b in zip(fc, fc_bias)])
    return out


def region_biased(mu, mask, margin: float) -> float:
    """Equation 2, mean over the batch."""
    losses = []
    for weights, exists in zip(mu, mask):
        crops = [w for w, e in zip(weights[1:], exists[1:]) if e]
        losses.append(max(0.0, margin - (max(crops) - weights[0])) if crops else 0.0)
    return sum(losses) / len(losses)
