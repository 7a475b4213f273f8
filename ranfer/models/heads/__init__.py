"""Heads: from a set of weighted regions to classes."""

from ranfer.models.heads.float32_linear_head import Float32LinearHead
from ranfer.models.heads.relation_attention_head import RegionWeights, RelationAttentionHead

__all__ = ['Float32LinearHead', 'RegionWeights', 'RelationAttentionHead']
