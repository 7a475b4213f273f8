"""Image files of strangers: what is read of them and what is wrong with them."""

import io
import os
import stat

import cv2
import mmcv
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE

MAX_PIXELS = 10**8
"""Largest image that is decoded; a file of few bytes can unpack to far more."""

NO_IMAGE = 'is no image that can be decoded'
_TOO_LARGE = f' pixels, more than {MAX_PIXELS}'
"""Ends of the sentences of :func:`image_defect`."""

MAX_FILE_BYTES = 64 << 20
"""Largest image file that is read."""

FORMATS = ('BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP')
"""What Pillow may take a file for; others of its decoders start programs or are seldom tested."""


class ImageError(ValueError):
    """Data that is no whole image; the text says why, as the end of a sentence."""


def decode_image(data: bytes, color_type: str = 'color', backend: str = 'cv2') -> np.ndarray:
    """Decode a whole image of bounded size, upright.

    Args:
        data: Content of an image file.
        color_type: Flag of :func:`mmcv.imfrombytes`. Defaults to 'color'.
        backend: Decoder of :func:`mmcv.imfrombytes`. Defaults to 'cv2'.

    Returns:
        np.ndarray: With the defaults uint8, shape ``(H, W, 3)``, BGR.

    Raises:
        ImageError: If the data is empty, cut off, too large or no image.
    """
    defect = image_defect(data)
    image = _decode(data, color_type, backend) if defect is None else None
    if image is None:
        raise ImageError(defect or NO_IMAGE)
    return image


def _decode(data: bytes, color_type: str, backend: str) -> np.ndarray | None:
    """Decode with MMCV, or with Pillow what an older OpenCV does not know (GIF)."""
    try:
        image = mmcv.imfrombytes(data, color_type, backend=backend)
        if image is None and (color_type, backend) == ('color', 'cv2'):
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if not picture.mode.startswith('I'):  # 16 bits, which Pillow cuts off at 255
                    image = np.asarray(picture.convert('RGB'))[..., ::-1].copy()
    except (cv2.error, OSError, ValueError, SyntaxError):
        return None
    return image


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
        return NO_IMAGE
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
