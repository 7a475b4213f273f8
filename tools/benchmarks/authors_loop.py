"""RAN as a loop over the regions: the form of the authors' release, written from the equations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from common import REGIONS
from torch import Tensor, nn
from torchvision.models import resnet18


class LoopRAN(nn.Module):
    """ResNet-18 once per region, then both attentions on lists of vectors.

    Regions are the last axis of the input and batch statistics are those of one region at a time.
    """

    def __init__(self, num_classes: int = 8, margin: float = 0.02) -> None:
        super().__init__()
        self.body = resnet18()
        self.body.fc = nn.Identity()
        self.self_attention = nn.Linear(512, 1)
        self.relation_attention = nn.Linear(1024, 1)
        self.classifier = nn.Linear(1024, num_classes)
        self.margin = margin

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and self-attention weights of ``(N, 3, H, W, R)`` regions."""
        features, weights = [], []
        for i in range(regions.shape[-1]):
            feature = self.body(regions[..., i])
            features.append(feature)
            weights.append(torch.sigmoid(self.self_attention(feature)))
        stacked, alpha = torch.stack(features, dim=2), torch.stack(weights, dim=2)
        face = (stacked * alpha).sum(dim=2) / alpha.sum(dim=2)
        joined, betas = [], []
        for feature in features:
            both = torch.cat([feature, face], dim=1)
            joined.append(both)
            betas.append(torch.sigmoid(self.relation_attention(both)))
        gamma = alpha * torch.stack(betas, dim=2)
        descriptor = (torch.stack(joined, dim=2) * gamma).sum(dim=2) / gamma.sum(dim=2)
        return self.classifier(descriptor), alpha.squeeze(1)

    def loss(self, regions: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy and region biased loss; region 0 is the whole face."""
        logits, alpha = self(regions)
        lead = alpha[:, 1:].max(dim=1).values - alpha[:, 0]
        biased = (self.margin - lead).clamp(min=0).mean()
        return nn.functional.cross_entropy(logits, labels) + biased


def loop_case(batch: int, size: int, device: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Forward pass and training step as released: fp32 in PyTorch's default memory format."""
    model = LoopRAN().to(device)
    regions = torch.randn(batch, 3, size, size, REGIONS, device=device)
    target = torch.arange(batch, device=device) % 8

    def forward() -> None:
        model.eval()
        with torch.inference_mode():
            model(regions)
        model.train()

    def train() -> None:
        model.zero_grad(set_to_none=True)
        model.loss(regions, target).backward()

    return forward, train
