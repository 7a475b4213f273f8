"""Decode every image once."""

from __future__ import annotations

import mmap
import multiprocessing
import zlib

import numpy as np

from ranfer.datasets.transforms.loading import LoadFaceImage, put_image
from ranfer.registry import TRANSFORMS

_MAX_SAMPLES = 2**22


@TRANSFORMS.register_module()
class LoadCachedFaceImage(LoadFaceImage):
    """:class:`LoadFaceImage` that keeps decoded images in memory shared by all data workers.

    An image is decoded the first time any worker needs it, in whatever epoch. When the memory is
    full, the remaining images are decoded every time, as are those of 16 bits. The memory is shared
    by forked workers (``mp_cfg=dict(mp_start_method='fork')``, the default on Linux); elsewhere
    every worker has its own, which is kept only with ``persistent_workers=True``.

    For data sets of many small files on slow storage put the files into LMDB and read them through
    MMEngine: ``dict(type='ranfer.LoadFaceImage', backend_args=dict(backend='lmdb',
    db_path='data/faces.lmdb'))``; ``tools/dataset_converters/to_lmdb.py`` makes the database.

    Args:
        cache_mb: Memory for decoded images in MiB; it is taken as it fills.
        **kwargs: Arguments of :class:`LoadFaceImage`.

    Raises:
        ValueError: If ``cache_mb`` is below 1, or with ``to_float32``.

    Example:
        >>> dict(type='ranfer.LoadCachedFaceImage', cache_mb=512)
    """

    def __init__(self, cache_mb: int, **kwargs) -> None:
        super().__init__(**kwargs)
        if cache_mb < 1:
            raise ValueError(f'LoadCachedFaceImage.cache_mb must be at least 1, got {cache_mb}.')
        if self.to_float32:
            raise ValueError(
                'LoadCachedFaceImage keeps uint8 images and cannot have to_float32=True; remove it.'
            )
        self.cache_mb = cache_mb
        self._store = _SharedImages(cache_mb * 2**20)

    def transform(self, results: dict) -> dict:
        """Load the image; needs ``img_path`` and ``sample_idx``, else like the parent."""
        index = results['sample_idx']
        name = zlib.crc32(results['img_path'].encode('utf-8', 'surrogateescape'))
        image = self._store.get(index, name)
        if image is None:
            results = super().transform(results)
            if results['img'].dtype == np.uint8:
                self._store.put(index, name, results['img'])
            return results
        return put_image(results, image)

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key != '_store'}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._store = _SharedImages(self.cache_mb * 2**20)


class _SharedImages:
    """Images by number in anonymous memory, which forked processes share and fill together.

    Names, as numbers, tell when another image has come under a number, as in a subset.
    """

    def __init__(self, size: int) -> None:
        self._pixels = np.frombuffer(mmap.mmap(-1, size), dtype=np.uint8)
        table = np.frombuffer(mmap.mmap(-1, 40 * (_MAX_SAMPLES + 1)), dtype=np.int64)
        # end, height, width, channels, name; of the last row the fill level alone
        self._table = table.reshape(-1, 5)
        self._lock = multiprocessing.Lock()

    def get(self, index: int, name: int) -> np.ndarray | None:
        """Copy of an image, or None if it is not there."""
        if not 0 <= index < _MAX_SAMPLES:
            return None
        with self._lock:
            end, height, width, channels, kept = self._table[index].tolist()
        if not end or kept != name:
            return None
        shape = (height, width, channels) if channels else (height, width)
        start = end - height * width * max(channels, 1)
        return self._pixels[start:end].reshape(shape).copy()

    def put(self, index: int, name: int, image: np.ndarray) -> None:
        """Keep an image if there is room for it."""
        if not 0 <= index < _MAX_SAMPLES:
            return
        with self._lock:
            end = int(self._table[-1, 0]) + image.size
            taken = self._table[index, 0] and self._table[index, 4] == name
            if end > self._pixels.size or taken:
                return
            self._pixels[end - image.size : end] = image.reshape(-1)
            channels = image.shape[2] if image.ndim == 3 else 0
            self._table[index] = end, *image.shape[:2], channels, name
            self._table[-1, 0] = end
