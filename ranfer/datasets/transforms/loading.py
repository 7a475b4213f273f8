"""Image loading that names the broken file."""

import io
import os
import stat

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE

from ranfer.registry import TRANSFORMS

MAX_PIXELS = 10**8
"""Largest image that is decoded; a file of few bytes can unpack to far more."""

_NO_IMAGE = 'is no image that can be decoded'
_TOO_LARGE = f' pixels, more than {MAX_PIXELS}'

MAX_FILE_BYTES = 64 << 20
"""Largest image file that is read."""

FORMATS = ('BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP')
"""What Pillow may take a file for; others of its decoders start programs or are seldom tested."""


class UnreadableImageError(ValueError):
    """An image file is missing, empty, cut off or no image.

    Args:
        path: The file.
        reason: What is wrong with it. Defaults to '': ``path`` is the whole text, for PyTorch makes
            the errors of its data workers anew from their text alone.
    """

    def __init__(self, path: str, reason: str = '') -> None:
        self.path = path
        self.reason = reason
        remedy = 'shrink it' if is_too_large(reason) else 'restore the file'
        sentence = (
            f'img_path: {path!r} {reason}, expected a readable image; {remedy}, or set '
            f'train_dataloader.dataset.skip_bad=True to train without it.'
        )
        super().__init__(sentence if reason else path)


def image_defect(data: bytes) -> str | None:
    """Find out from the bytes alone why an image file cannot be decoded in full.

    A decoder fills the lost part of a cut-off JPEG or PNG with grey and says nothing, so the end
    marks are looked up: IEND of PNG, and the end-of-image mark after the first scan of JPEG, where
    other data may follow. The size is read from the header, so that a file that unpacks to far more
    than it weighs is refused.

    Args:
        data: The file's content.

    Returns:
        str: The defect as the end of a sentence, or None.
    """
    if not data:
        return 'is empty'
    if data.startswith(b'\x89PNG') and data.rfind(b'IEND') < 0:
        return 'is cut off (PNG without end)'
    if data.startswith(b'\xff\xd8') and data.find(b'\xff\xd9', _first_scan(data)) < 0:
        return 'is cut off (JPEG without end)'
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            width, height = header.size
            deep = header.format == 'TIFF' and max(header.tag_v2.get(BITSPERSAMPLE, (1,))) > 16
    except Image.DecompressionBombError:
        return f'has too many{_TOO_LARGE}'
    except (OSError, ValueError, SyntaxError):
        return _NO_IMAGE
    if width * height > MAX_PIXELS:
        return f'has {width} x {height}{_TOO_LARGE}'
    if deep:  # whose range nobody knows: decoders cut the values off at 255
        return 'has 32 bits a value, more than 16'
    return None


def is_too_large(defect: str) -> bool:
    """Whether what :func:`image_defect` found is the size alone, so that the file may be whole."""
    return defect.endswith(_TOO_LARGE)


def _first_scan(data: bytes) -> int:
    """Where the pixels of a JPEG begin, behind all segments and thumbnails in them."""
    place = 2
    while data[place : place + 1] == b'\xff' and data[place + 1 : place + 2] != b'\xda':
        length = int.from_bytes(data[place + 2 : place + 4], 'big')
        place += 1 if data[place + 1 : place + 2] == b'\xff' else 2 + length
    return place


def read_file(path: str) -> bytes:
    """Content of a local file of bounded size.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is larger, no regular file, or the path cannot be that of a file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a named pipe may never end
        raise ValueError('is no regular file')
    with open(path, 'rb') as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f'has more than {MAX_FILE_BYTES >> 20} MiB')
    return data


@TRANSFORMS.register_module()
class LoadFaceImage(LoadImageFromFile):
    """:class:`mmcv.transforms.LoadImageFromFile` that refuses broken files in one sentence.

    Args:
        **kwargs: Arguments of the parent, such as ``color_type`` and ``imdecode_backend``.

    Raises:
        UnreadableImageError: If the file is missing, empty, cut off or no image.

    Example:
        >>> pipeline = [dict(type='ranfer.LoadFaceImage')]
    """

    def transform(self, results: dict) -> dict:
        """Load the image.

        Args:
            results: Has ``img_path``.

        Returns:
            dict: ``results`` with ``img`` (uint8, shape ``(H, W, 3)``, BGR), ``img_shape`` and
            ``ori_shape``; of ``gt_keypoints``, points outside the image are invisible.
        """
        path = results['img_path']
        try:
            data = self._read(path)
        except (OSError, ValueError) as error:
            raise UnreadableImageError(path, _reason(error)) from error
        defect = image_defect(data)
        image = self._decode(data) if defect is None else None
        if image is None:
            raise UnreadableImageError(path, defect or _NO_IMAGE)
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        hide_outside(results)
        return results

    def _read(self, path: str) -> bytes:
        if self.backend_args or '://' in path:
            data = fileio.get(path, backend_args=self.backend_args)
            if data is None:  # of LMDB
                raise ValueError('is no key of the database')
            return data
        return read_file(path)

    def _decode(self, data: bytes) -> np.ndarray | None:
        try:
            return mmcv.imfrombytes(data, self.color_type, backend=self.imdecode_backend)
        except (cv2.error, OSError, ValueError):
            return None


def hide_outside(results: dict) -> None:
    """Mark landmarks outside the image as invisible, before a resize would move them into it."""
    if results.get('gt_keypoints') is None:
        return
    points = results['gt_keypoints'].copy()
    size = results['img_shape'][::-1]
    points[((points[..., :2] < 0) | (points[..., :2] > size)).any(-1), 2] = 0
    results['gt_keypoints'] = points


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return 'does not exist'
    return f'({error.strerror})' if isinstance(error, OSError) else str(error)
