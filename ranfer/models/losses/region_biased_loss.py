"""The loss that asks one crop to matter more than the whole face."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranfer.registry import MODELS


def region_biased_loss(self_weights: Tensor, margin: float, mask: Tensor | None = None) -> Tensor:
    """Hinge on the largest crop weight against the whole face (RAN, equation 2).

    ``max(0, margin - (max_{i >= 1} mu_i - mu_0))``; a region that does not exist weighs 0, and a
    sample without a crop costs nothing.

    Args:
        self_weights: mu, ``(N, R)`` in ``[0, 1]``, the whole face first.
        margin: Wanted lead alpha of the best crop.
        mask: True where a region exists, ``(N, R)`` bool. Defaults to all.

    Returns:
        Tensor: Loss of every sample, ``(N,)``.
    """
    if mask is not None:
        self_weights = self_weights.masked_fill(~mask, 0)
    face, crops = self_weights.split((1, self_weights.size(1) - 1), dim=1)  # one step backwards
    if crops.size(1) == 0:
        return self_weights[:, 0] * 0
    loss = F.relu(face - crops.max(dim=1, keepdim=True)[0] + margin).squeeze(1)
    return loss if mask is None else loss.masked_fill(~mask[:, 1:].any(dim=1), 0)


@MODELS.register_module()
class RegionBiasedLoss(nn.Module):
    """Region biased loss, mean over a batch (RAN, equation 2).

    Args:
        margin: Wanted lead alpha of the best crop's self-attention weight over that of the whole
            face, in ``[0, 1]``. Defaults to 0.02 as in the paper; the authors' code uses 0.1.
        loss_weight: Factor of the loss. Defaults to 1.

    Raises:
        ValueError: If ``margin`` is outside ``[0, 1]``.

    Example:
        >>> region_loss = dict(type='ranfer.RegionBiasedLoss', margin=0.02)
    """

    def __init__(self, margin: float = 0.02, loss_weight: float = 1.0) -> None:
        super().__init__()
        if not 0 <= margin <= 1:
            raise ValueError(f'RegionBiasedLoss.margin must be in [0, 1], got {margin}.')
        self.margin = margin
        self.loss_weight = loss_weight

    def forward(self, self_weights: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the scalar loss of ``(N, R)`` weights; see :func:`region_biased_loss`."""
        return self.loss_weight * region_biased_loss(self_weights, self.margin, mask).mean()
