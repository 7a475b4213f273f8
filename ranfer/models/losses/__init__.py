"""Losses on attention weights."""

from ranfer.models.losses.region_biased_loss import RegionBiasedLoss, region_biased_loss

__all__ = ['RegionBiasedLoss', 'region_biased_loss']
