"""From samples to a batch."""

from collections.abc import Sequence

from mmengine.dataset import default_collate, pseudo_collate

from ranfer.registry import FUNCTIONS


@FUNCTIONS.register_module()
def collate_faces(samples: Sequence[dict]) -> dict:
    """Stack the images of a batch, or list them where their sizes differ.

    MMEngine's ``default_collate`` needs one size. A list of images (``pseudo_collate``) takes all,
    at the cost of one piece of shared memory an image between data worker and training.

    Args:
        samples: What ``PackRegionInputs`` makes: ``inputs`` is an image or, under test-time
            augmentation, a list of views.

    Returns:
        dict: ``inputs``, ``(N, 3, H, W)`` or a list of ``(3, H, W)``, and ``data_samples``.

    Example:
        >>> train_dataloader = dict(collate_fn=dict(type='ranfer.collate_faces'))
    """
    views = (sample.get('inputs') for sample in samples)
    images = (v[0] if isinstance(v, (list, tuple)) else v for v in views)
    same = len({getattr(image, 'shape', None) for image in images}) == 1
    return default_collate(samples) if same else pseudo_collate(samples)
