"""Necks: from region features to a set with self-attention weights."""

from ranfer.models.necks.ran_neck import RANNeck, RegionFeatures

__all__ = ['RANNeck', 'RegionFeatures']
