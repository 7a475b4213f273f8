"""Labels that mean other classes in validation or test are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.model import MMDistributedDataParallel

from ranfer.engine.hooks import class_order_hook
from ranfer.engine.hooks.class_order_hook import ClassOrderHook


def loader(classes: tuple | None) -> SimpleNamespace:
    return SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))


def runner(train=None, val=None, test=None, num_classes=None) -> SimpleNamespace:
    return SimpleNamespace(
        model=SimpleNamespace(head=SimpleNamespace(num_classes=num_classes)),
        val_loop=object(),
        train_dataloader=loader(train),
        val_dataloader=loader(val),
        test_dataloader=loader(test),
    )


def test_other_classes_in_validation_end_the_training():
    with pytest.raises(ValueError, match='val_dataloader are joy, sad, those of train_dataloader'):
        ClassOrderHook().before_train(runner(('anger', 'joy', 'sad'), ('joy', 'sad')))
    ClassOrderHook().before_train(runner(('joy', 'sad'), ['joy', 'sad']))
    ClassOrderHook().before_train(runner(('joy', 'sad'), None))
    ClassOrderHook().before_train(runner(('anger', 'joy', 'sad'), ('anger', 'joy')))
    ClassOrderHook().before_train(runner(('joy', 'sad'), ('happy', 'sadness')))
    without = runner(('joy', 'sad'), ('sad', 'joy'))
    without.val_loop = None
    ClassOrderHook().before_train(without)


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('wrapped', [False, True])
def test_a_head_with_more_or_fewer_classes_ends_the_training(monkeypatch, count, wrapped):
    data = runner(('joy', 'sad'), num_classes=count)
    data.val_loop = None
    if wrapped:
        monkeypatch.setattr(MMDistributedDataParallel, '__init__', lambda *_: None)
        model, data.model = data.model, MMDistributedDataParallel()
        data.model.__dict__['module'] = model
    with pytest.raises(ValueError) as error:
        ClassOrderHook().before_train(data)
    assert str(error.value) == (
        f'model.head.num_classes is {count}, but train_dataloader.dataset has 2 classes (joy, '
        f'sad); make the two agree.'
    )


def test_a_head_that_fits_or_data_without_names_train():
    ClassOrderHook().before_train(runner(('joy', 'sad'), num_classes=2))
    ClassOrderHook().before_train(runner(None, num_classes=2))


@pytest.mark.parametrize('meta', ['dataset_meta', 'ranfer_model'])
def test_other_classes_than_the_checkpoint_warn_in_a_test(monkeypatch, meta):
    said = []
    monkeypatch.setattr(class_order_hook, 'print_log', lambda text, *_: said.append(text))
    hook, data = ClassOrderHook(), runner(test=('sad', 'joy'))
    hook.before_test(data)
    hook.after_load_checkpoint(data, dict(meta={meta: dict(classes=['sad', 'joy'])}))
    hook.before_test(data)
    assert not said
    hook.after_load_checkpoint(data, dict(meta={meta: dict(classes=('joy', 'sad'))}))
    hook.before_test(data)
    assert 'trained on the classes joy, sad, the test data have sad, joy' in said[0]
    hook.after_load_checkpoint(data, {})
    hook.before_test(data)
    assert len(said) == 1
