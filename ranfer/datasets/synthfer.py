"""SynthFER: faces drawn from action units on a 3-D head, made on first use."""

import os

from mmengine.dist import barrier

from ranfer.datasets.base import FERDataset
from ranfer.datasets.synthetic import CLASSES
from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import Parameters
from ranfer.registry import DATASETS


@DATASETS.register_module()
class SynthFER(FERDataset):
    """The embedded data set: 7 expressions, landmarks, pose, occlusion and action units.

    ``test.json`` holds natural test images (condition 'natural') and further occluded and turned
    ones; see :class:`~ranfer.datasets.synthetic.parts.Parameters`.

    Args:
        generate: Parameters of the data. What is missing in ``data_root`` or was made with other
            parameters is generated on first use, by one process of each machine. Only the split
            that ``ann_file`` names is made. Defaults to None: the data must be there.
        **kwargs: Arguments of :class:`~ranfer.datasets.base.FERDataset`.

    Raises:
        ValueError: If ``generate`` has an unknown key or wrong value, or ``ann_file`` is not one of
            train.json, val.json and test.json.

    Example:
        >>> dict(type='ranfer.SynthFER', data_root='data/synthfer', ann_file='train.json',
        ...      generate=dict(train=6000, size=128, seed=0), pipeline=[])
    """

    METAINFO = {'dataset': 'SynthFER', 'classes': CLASSES}
    CONVERTER = 'python tools/dataset_converters/synthfer.py --out data/synthfer'

    def __init__(
        self, ann_file: str = '', data_root: str = '', generate: dict | None = None, **kwargs
    ) -> None:
        self.generate = generate
        super().__init__(ann_file=ann_file, data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Make the data if asked to, then read the rows."""
        if self.generate is not None:
            if int(os.environ.get('LOCAL_RANK', 0)) == 0:
                self._generate(self.generate)
            barrier()
        return super().load_data_list()

    def _generate(self, parameters: dict) -> None:
        known = Parameters.__dataclass_fields__
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise ValueError(f'generate: unknown key {unknown[0]!r}; use {", ".join(known)}')
        split = self.ann_file.replace('\\', '/').rsplit('/', 1)[-1].removesuffix('.json')
        if split not in ('train', 'val', 'test'):
            raise ValueError(
                f'ann_file: got {self.ann_file!r}, generate makes train.json, val.json and '
                f'test.json; use one of these or leave generate out'
            )
        generate_synthfer(self.data_root, Parameters(**parameters), splits=(split,))
