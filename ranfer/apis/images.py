"""Any image file or array as BGR uint8."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from ranfer.datasets.image_file import (
    MAX_PIXELS,
    ImageError,
    decode_image,
    is_too_large,
    read_file,
)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file upright.

    The EXIF orientation is applied, grey and CMYK become colour, alpha is dropped, and 16 bits
    become 8.

    Args:
        path: Image file.

    Returns:
        np.ndarray: BGR, uint8, ``(H, W, 3)``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read, is empty, cut off, too large or no image.
    """
    path = Path(path)
    try:
        data = read_file(os.fspath(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'Image {str(path)!r} does not exist; check the path.') from error
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise ValueError(f'Image {str(path)!r} cannot be read ({reason}).') from error
    try:
        return decode_image(data)
    except ImageError as error:
        too_large = is_too_large(str(error))
        remedy = 'shrink it first' if too_large else 'give a whole image file such as JPEG or PNG'
        raise ValueError(f'Image {str(path)!r} {error}; {remedy}.') from error


def as_image(array: np.ndarray) -> np.ndarray:
    """Check an array and bring it into the form of :func:`read_image`.

    Args:
        array: BGR ``(H, W, 3)``, BGRA ``(H, W, 4)`` or grey ``(H, W)`` or ``(H, W, 1)``; uint8,
            uint16, or floating point with values in [0, 255].

    Returns:
        np.ndarray: BGR, uint8, ``(H, W, 3)``.

    Raises:
        TypeError: If it is no array or of another type.
        ValueError: If the shape is another, there is no pixel, a value is not finite or out of
            range, or all are fractions from 0 to 1.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f'Image is of type {type(array).__name__}, expected a path or a NumPy array; convert '
            f'it with numpy.asarray.'
        )
    image = array[..., None] if array.ndim == 2 else array
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size:
        raise ValueError(
            f'Image array has shape {array.shape}, expected (H, W), (H, W, 1), (H, W, 3) in BGR or '
            f'(H, W, 4) in BGRA with at least one pixel.'
        )
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ValueError(
            f'Image array has {image.shape[1]} x {image.shape[0]} pixels, more than {MAX_PIXELS}; '
            f'shrink it first.'
        )
    image = _to_uint8(image)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _to_uint8(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(
            f'Image array has dtype {image.dtype}, expected uint8, uint16 or floating point; '
            f'convert it with astype.'
        )
    if not np.isfinite(image).all():
        raise ValueError('Image array has values that are NaN or infinite; replace them first.')
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 255:
        raise ValueError(
            f'Image array has values from {low:g} to {high:g}, expected 0 to 255; scale it first.'
        )
    rounded = np.rint(image)
    if 0 < high <= 1 and (rounded != image).any():
        raise ValueError(
            f'Image array has values from {low:g} to {high:g}, expected 0 to 255, where these '
            f'are black; multiply it by 255.'
        )
    return rounded.astype(np.uint8)


def shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Shrink an image until its longer side is at most ``side`` pixels.

    Returns:
        tuple: The image and the factor by which it was scaled, 1 if it was small enough.
    """
    height, width = image.shape[:2]
    factor = min(side / max(height, width), 1.0)
    if factor == 1:
        return image, 1.0
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor
