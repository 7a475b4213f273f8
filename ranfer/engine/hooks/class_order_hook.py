"""Labels are numbers: the same number must mean the same class everywhere."""

from __future__ import annotations

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from ranfer.engine.model_input import MODEL_META
from ranfer.engine.weights import without_wrappers
from ranfer.registry import HOOKS


@HOOKS.register_module()
class ClassOrderHook(Hook):
    """Compare the class names of training, validation and test data, in their order.

    Training ends with an error before its first epoch if the head has more or fewer classes than
    the training data, or the validation data count theirs in another order than the training data,
    as class folders do of which one is missing; names that have nothing in common tell nothing. A
    test warns if the classes of its data are not those that the checkpoint was trained on.

    Example:
        >>> default_hooks = dict(class_order=dict(type='ranfer.ClassOrderHook'))
    """

    def __init__(self) -> None:
        self._trained: tuple[str, ...] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the classes that the checkpoint was trained on."""
        meta = checkpoint.get('meta') or {}
        known = meta.get(MODEL_META) or meta.get('dataset_meta') or {}
        self._trained = _names(known.get('classes'))

    def before_train(self, runner: Runner) -> None:
        """Compare the training data with the head and with the validation data.

        Raises:
            ValueError: If their classes differ.
        """
        train = classes_of(runner.train_dataloader.dataset)
        count = _num_classes(runner.model)
        if train and count is not None and len(train) != count:
            raise ValueError(
                f'model.head.num_classes is {count}, but train_dataloader.dataset has '
                f'{len(train)} classes ({", ".join(train)}); make the two agree.'
            )
        if runner.val_loop is None:
            return
        val = classes_of(runner.val_dataloader.dataset)
        if train and val and set(train) & set(val) and train[: len(val)] != val:
            raise ValueError(
                f'The classes of val_dataloader are {", ".join(val)}, those of train_dataloader '
                f'{", ".join(train)}, so the same label means different classes; give both data '
                f'sets the same classes in the same order.'
            )

    def before_test(self, runner: Runner) -> None:
        """Compare the test data with what the model was trained on."""
        test = classes_of(runner.test_dataloader.dataset)
        if self._trained and test and self._trained != test:
            print_log(
                f'The model was trained on the classes {", ".join(self._trained)}, the test data '
                f'have {", ".join(test)}; their labels are compared by number.',
                'current',
                logging.WARNING,
            )


def classes_of(dataset: Dataset) -> tuple[str, ...] | None:
    """Class names of a data set in the order of the labels, None if it has none."""
    return _names((getattr(dataset, 'metainfo', None) or {}).get('classes'))


def _num_classes(model: nn.Module) -> int | None:
    """How many classes the head of a model tells apart, None if it does not say."""
    count = getattr(getattr(without_wrappers(model), 'head', None), 'num_classes', None)
    return count if isinstance(count, int) else None


def _names(classes: object) -> tuple[str, ...] | None:
    return tuple(map(str, classes)) if isinstance(classes, (list, tuple)) else None
