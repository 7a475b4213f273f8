"""The last step of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from mmpretrain.datasets import PackInputs

from ranfer.registry import TRANSFORMS

META_KEYS = (
    'sample_idx',
    'img_path',
    'ori_shape',
    'img_shape',
    'regions',
    'region_mask',
    'conditions',
)


@TRANSFORMS.register_module()
class PackRegionInputs(PackInputs):
    """MMPretrain's ``PackInputs`` that keeps the regions and conditions of a sample.

    The boxes stay NumPy arrays in the meta information of the ``DataSample``, so that a batch goes
    to the device in one copy and not sample by sample.

    Args:
        algorithm_keys: Further keys to keep as data fields. Defaults to none.
        meta_keys: Keys to keep as meta information. Defaults to the sample index, path, shapes,
            ``regions``, ``region_mask`` and ``conditions``.

    Example:
        >>> dict(type='ranfer.PackRegionInputs')
    """

    def __init__(
        self, algorithm_keys: Sequence[str] = (), meta_keys: Sequence[str] = META_KEYS
    ) -> None:
        super().__init__(algorithm_keys=algorithm_keys, meta_keys=meta_keys)
