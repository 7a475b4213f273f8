"""The three networks of MTCNN (Zhang et al. 2016) in PyTorch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


class MTCNNNetwork(nn.Module):
    """Convolutions and poolings, an optional hidden layer, and heads side by side.

    Args:
        channels: Output channels of the convolutions, the first of which sees RGB.
        kernels: Kernel sizes of the convolutions.
        pools: Kernel size of the max pooling (stride 2) after each convolution, 0 for none.
        heads: Output widths; the last head holds the two logits of no face and face.
        hidden: Inputs and width of the hidden layer. None makes the heads convolutions, so that
            the network slides over images of any size.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernels: Sequence[int],
        pools: Sequence[int],
        heads: Sequence[int],
        hidden: tuple[int, int] | None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channel, kernel, pool in zip(channels, kernels, pools):
            layers += [nn.Conv2d(before, channel, kernel), nn.PReLU(channel)]
            if pool:
                layers.append(nn.MaxPool2d(pool, 2, ceil_mode=True))
            before = channel
        self.trunk = nn.Sequential(*layers)
        self.hidden = None
        if hidden is None:
            self.heads = nn.ModuleList(nn.Conv2d(before, width, 1) for width in heads)
        else:
            self.hidden = nn.Sequential(nn.Linear(*hidden), nn.PReLU(hidden[1]))
            self.heads = nn.ModuleList(nn.Linear(hidden[1], width) for width in heads)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Outputs of all heads.

        Args:
            images: RGB in [-1, 1] with x before y, float32, shape ``(N, 3, W, H)``.

        Returns:
            list[Tensor]: Box offsets (4), then for the output network landmarks (10), then the
            probabilities of no face and face (2); shape ``(N, width)``, for the proposal network
            ``(N, width, W', H')``.
        """
        features = self.trunk(images)
        if self.hidden is not None:
            features = self.hidden(features.permute(0, 2, 3, 1).flatten(1))
        outputs = [head(features) for head in self.heads]
        outputs[-1] = outputs[-1].softmax(1)
        return outputs

    def load_weights(self, weights: dict[str, np.ndarray], heads: Sequence[str]) -> None:
        """Take over the weights of an ONNX file.

        Args:
            weights: Name -> values. Layers of the trunk are told by their shapes, in the order of
                the numbers in their names.
            heads: Names of the heads, such as ``'dense_5'``.

        Raises:
            ValueError: If a weight is missing or has another shape.
        """
        modules: list[tuple[nn.Module, str]] = []
        kinds = {nn.Conv2d: 'conv2d', nn.Linear: 'dense', nn.PReLU: 'p_re_lu'}
        names = {
            kind: [n for n in _layer_names(weights, kind) if n not in heads]
            for kind in kinds.values()
        }
        body = [*self.trunk, *(self.hidden or ())]
        for module in body:
            kind = kinds.get(type(module))
            if kind is not None:
                # The slope after the hidden layer is the only one without a number.
                name = names[kind].pop(0) if names[kind] else 'slope'
                modules.append((module, name))
        modules += list(zip(self.heads, heads))
        with torch.no_grad():
            for module, name in modules:
                _fill(module, name, weights)


def _layer_names(weights: dict[str, np.ndarray], kind: str) -> list[str]:
    """Layer names such as conv2d, conv2d_1, ..., conv2d_10 in the order of their numbers."""
    found = {}
    for key in weights:
        name = key.split('/')[0].split('_initializer')[0]
        tail = name[len(kind) :]
        if name.startswith(kind) and (not tail or tail[1:].isdigit()):
            found[name] = int(tail[1:] or 0)
    return sorted(found, key=lambda name: found[name])


def _fill(module: nn.Module, name: str, weights: dict[str, np.ndarray]) -> None:
    if isinstance(module, nn.PReLU):
        values = {'weight': _find(weights, name).reshape(-1)}
    else:
        kernel = _find(weights, f'{name}/kernel')
        values = {
            'weight': kernel.T if isinstance(module, nn.Linear) else kernel,
            'bias': _find(weights, f'{name}/bias'),
        }
    for key, value in values.items():
        parameter = getattr(module, key)
        if tuple(parameter.shape) != value.shape:
            raise ValueError(
                f'{name} has shape {value.shape}, expected {tuple(parameter.shape)}; '
                f'install the weights again'
            )
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _find(weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    for key, value in weights.items():
        if key == name or key.startswith((f'{name}:', f'{name}_initializer')):
            return value
    raise ValueError(f'{name} is missing in the weights; install them again')
