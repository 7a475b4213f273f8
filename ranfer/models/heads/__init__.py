"""Heads: from a set of weighted regions to classes."""

from ranfer.models.heads.relation_attention_head import RegionWeights, RelationAttentionHead

__all__ = ['RegionWeights', 'RelationAttentionHead']
