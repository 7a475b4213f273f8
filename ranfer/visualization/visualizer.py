"""The pictures of ranfer through MMEngine's visualizer."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.dist import master_only
from mmpretrain.structures import DataSample
from mmpretrain.visualization import UniversalVisualizer

from ranfer.models.heads import RegionWeights
from ranfer.registry import VISUALIZERS
from ranfer.visualization.attention import draw_attention
from ranfer.visualization.figure import write_picture


@VISUALIZERS.register_module()
class RANVisualizer(UniversalVisualizer):
    """MMPretrain's visualizer that draws a prediction with the attention of its regions.

    Samples without region weights are drawn as MMPretrain draws them.

    Args:
        **kwargs: Arguments of ``UniversalVisualizer``: ``name``, ``vis_backends``, ``save_dir``.

    Example:
        >>> visualizer = dict(
        ...     type='ranfer.RANVisualizer',
        ...     vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
    """

    @master_only
    def visualize_cls(
        self,
        image: np.ndarray,
        data_sample: DataSample,
        classes: Sequence[str] | None = None,
        *,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        name: str = '',
        step: int = 0,
        **kwargs,
    ) -> np.ndarray:
        """Draw a prediction; see :func:`ranfer.visualization.draw_attention`.

        Args:
            image: RGB image the regions refer to, uint8, ``(H, W, 3)``.
            data_sample: Prediction of a model.
            classes: Class names. Defaults to those of ``dataset_meta``, then to numbers.
            show: Whether to open a window. Defaults to False.
            wait_time: Seconds the window stays; 0 is for ever. Defaults to 0.
            out_file: File to write instead of the storage back ends. Defaults to None.
            name: Name in the storage back ends. Defaults to ''.
            step: Step in the storage back ends. Defaults to 0.
            **kwargs: Further arguments of ``UniversalVisualizer.visualize_cls``, used for samples
                without region weights.

        Returns:
            np.ndarray: The picture, RGB, uint8.
        """
        classes = classes or (self.dataset_meta or {}).get('classes')
        if 'region_weights' not in data_sample or 'regions' not in data_sample:
            return super().visualize_cls(
                image,
                data_sample,
                classes,
                show=show,
                wait_time=wait_time,
                out_file=out_file,
                name=name,
                step=step,
                **kwargs,
            )
        picture = draw_sample(image, data_sample, classes)
        self.set_image(picture)
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_picture(out_file, picture)
        else:
            self.add_image(name, picture, step=step)
        return picture


def draw_sample(
    image: np.ndarray, sample: DataSample, classes: Sequence[str] | None = None, title: str = ''
) -> np.ndarray:
    """Draw the attention of a predicted sample.

    Args:
        image: RGB image the regions refer to, uint8, ``(H, W, 3)``.
        sample: Prediction with ``pred_score``, ``regions`` and the region weights.
        classes: Class names. Defaults to numbers.
        title: Line above the picture. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8.
    """
    number = len(sample.region_weights)
    scores = sample.pred_score.float().cpu().numpy()
    mu, nu, final = (sample.get(key).float().cpu().numpy() for key in RegionWeights._fields)
    return draw_attention(
        image,
        np.asarray(sample.regions)[:number],
        mu,
        nu,
        final,
        scores,
        classes or [str(i) for i in range(len(scores))],
        region_mask=np.asarray(sample.region_mask)[:number] if 'region_mask' in sample else None,
        label=int(sample.gt_label) if 'gt_label' in sample else None,
        title=title,
    )


def face_of_input(inputs: np.ndarray, sample: DataSample) -> tuple[np.ndarray, DataSample]:
    """Turn one model input back into an RGB face, with a sample whose boxes fit it.

    Args:
        inputs: BGR image ``(3, H, W)``, or ready crops ``(R, 3, h, w)``, of which the first is the
            whole face; uint8.
        sample: The sample, with ``regions`` and ``img_shape``.

    Returns:
        tuple: RGB image, uint8, ``(H, W, 3)``, and the sample or a copy with boxes in its pixels.
    """
    crops = inputs.ndim == 4
    face = cv2.cvtColor(
        np.ascontiguousarray((inputs[0] if crops else inputs).transpose(1, 2, 0)),
        cv2.COLOR_BGR2RGB,
    )
    if crops:
        (height, width), (old_height, old_width) = face.shape[:2], sample.img_shape[:2]
        factor = np.array([width / old_width, height / old_height] * 2, np.float32)
        regions = sample.regions * factor
        sample = sample.clone()
        sample.set_field(regions, 'regions', field_type='metainfo')
    return face, sample
