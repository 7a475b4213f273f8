"""The plain classifier with scores in full precision."""

from __future__ import annotations

import torch
from mmpretrain.models.heads import LinearClsHead
from torch import Tensor

from ranfer.registry import MODELS


@MODELS.register_module()
class Float32LinearHead(LinearClsHead):
    """MMPretrain's ``LinearClsHead`` whose logits no autocast rounds.

    In bfloat16 the two best classes often tie, which goes to the lower index, and probabilities
    miss their sum. This way plain baselines are scored like :class:`RelationAttentionHead`.
    Checkpoints fit both heads.

    Args:
        **kwargs: Keys of ``LinearClsHead``: ``num_classes``, ``in_channels``, ``loss``, ...

    Example:
        >>> head = dict(type='ranfer.Float32LinearHead', num_classes=7, in_channels=512)
    """

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the logits ``(N, num_classes)``."""
        features = self.pre_logits(feats)
        with torch.autocast(features.device.type, enabled=False):
            return self.fc(features.to(self.fc.weight.dtype))
