"""Image loading that names the broken file."""

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from ranfer.datasets.image_file import decode_image, is_too_large, read_file
from ranfer.landmarks.points import hide_outside
from ranfer.registry import TRANSFORMS


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
            image = decode_image(self._read(path), self.color_type, self.imdecode_backend)
        except (OSError, ValueError) as error:
            raise UnreadableImageError(path, _reason(error)) from error
        return put_image(results, image.astype(np.float32) if self.to_float32 else image)

    def _read(self, path: str) -> bytes:
        if self.backend_args or '://' in path:
            data = fileio.get(path, backend_args=self.backend_args)
            if data is None:  # of LMDB
                raise ValueError('is no key of the database')
            return data
        return read_file(path)


def put_image(results: dict, image: np.ndarray) -> dict:
    """Results with an image and its shape; of ``gt_keypoints``, points outside it are invisible,
    before a resize would move them into it."""
    results['img'] = image
    results['img_shape'] = results['ori_shape'] = image.shape[:2]
    if results.get('gt_keypoints') is not None:
        results['gt_keypoints'] = hide_outside(results['gt_keypoints'], image.shape[:2])
    return results


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return 'does not exist'
    return f'({error.strerror})' if isinstance(error, OSError) else str(error)
