"""NaN and infinity in losses, gradients and weights."""

from __future__ import annotations

import logging
import math

import pytest
import torch
from mmengine.utils import digit_version
from test_engine.tiny import HOOKS, Line, tiny_runner

from ranfer.engine import NonFiniteGuardHook, load_checkpoint
from ranfer.engine.errors import one_sentence_errors


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(logging, 'raiseExceptions', False)


@pytest.fixture
def step_hooks() -> None:
    """Old Dynamo (seen in PyTorch 2.1) takes the hooks of optimisers away, once it is in use."""
    called: list = []
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    optimizer.register_step_pre_hook(lambda *args: called.append(args))
    optimizer.step()
    if not called:
        pytest.skip('Dynamo has removed the hooks of optimisers')


class Fault(Line):
    """Goes wrong in some iterations: ``loss``, ``gradient`` or ``input``."""

    def __init__(self, kind: str, iterations: set[int]) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(2)
        self.kind, self.iterations, self.count = kind, iterations, 0

    def forward(self, x, img_path, mode='tensor'):
        if mode != 'loss':
            return super().forward(self.norm(x), img_path, mode)
        self.count += 1
        bad = self.count in self.iterations
        x = self.norm(x * math.inf if bad and self.kind == 'input' else x)
        loss = super().forward(x, img_path, mode)['loss']
        if bad and self.kind == 'loss':
            loss = loss * math.nan
        if bad and self.kind == 'gradient':
            loss.register_hook(lambda gradient: gradient * math.inf)
        return dict(loss=loss)


class Watch(NonFiniteGuardHook):
    """Weights after every iteration."""

    def after_train_iter(self, runner, *args, **kwargs):
        self.weights = {k: v.clone() for k, v in runner.model.state_dict().items()}
        super().after_train_iter(runner, *args, **kwargs)


def run(tmp_path, model, max_skips=0, **keys):
    guard = Watch(max_skips)
    hooks = HOOKS | dict(guard=guard)
    runner = tiny_runner(tmp_path, model=model, default_hooks=hooks, val_cfg=None,
                         val_dataloader=None, val_evaluator=None, epochs=2, **keys)  # fmt: skip
    return runner, guard


def finite(tensors) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


@pytest.mark.parametrize('kind', ['loss', 'gradient', 'input'])
def test_stops_within_the_iteration_and_says_where(tmp_path, kind, capsys, step_hooks):
    runner, _ = run(tmp_path, Fault(kind, {5}))
    with pytest.raises(SystemExit), one_sentence_errors():
        runner.train()
    error = capsys.readouterr().err.splitlines()[0]
    assert error.startswith(
        'Error: Loss or gradients are not finite at epoch 2, iteration 5 (loss='
    )
    assert '.png' in error and 'the weights are still finite' in error
    assert 'lower optim_wrapper.optimizer.lr (now 0.1)' in error
    assert 'optim_wrapper.clip_grad' in error and 'max_skips' in error and '--amp' not in error
    assert finite(runner.model.parameters())
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')


@pytest.mark.parametrize('kind', ['loss', 'gradient', 'input'])
def test_leaves_batches_out_up_to_the_limit(tmp_path, kind, step_hooks):
    runner, guard = run(tmp_path / 'two', Fault(kind, {2, 5}), max_skips=2)
    runner.train()
    assert guard.skips == 2
    assert finite(load_checkpoint(str(tmp_path / 'two/epoch_2.pth'))['state_dict'].values())
    runner, guard = run(tmp_path / 'one', Fault(kind, {2, 5}), max_skips=1)
    with pytest.raises(FloatingPointError, match='epoch 2, iteration 5'):
        runner.train()


@pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version('2.4'), reason='old Dynamo removes step hooks'
)
def test_sees_the_gradients_of_a_compiled_step():
    torch._dynamo.reset()
    guard = NonFiniteGuardHook()
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    optimizer.register_step_pre_hook(guard._check_gradients)
    parameter.grad = torch.tensor([math.nan, 1.0])
    torch.compile(lambda: optimizer.step(), backend='eager')()
    assert guard._left_out and torch.equal(parameter, torch.ones(2))
    torch._dynamo.reset()


@pytest.mark.parametrize('gradient', [[math.nan, 1.0], [1.0, math.nan], [-math.inf, 1.0]])
def test_one_bad_entry_is_enough(gradient):
    guard = NonFiniteGuardHook()
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    parameters[0].grad = torch.full((2,), 1e38)
    guard._check_gradients(optimizer, (), {})
    assert not guard._left_out and parameters[0].grad is not None
    parameters[1].grad = torch.tensor(gradient)
    guard._check_gradients(optimizer, (), {})
    assert guard._left_out and parameters[0].grad is None


def test_a_batch_left_out_changes_nothing(tmp_path, step_hooks):
    torch.manual_seed(0)
    model = Fault('input', {1})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    runner, _ = run(tmp_path, model, max_skips=1)
    train_iter = runner.train_loop.run_iter

    def first_alone(index, batch):
        train_iter(index, batch)
        assert finite(before.values())
        for key, value in model.state_dict().items():
            assert torch.equal(value, before[key]), key
        raise StopIteration

    runner.train_loop.run_iter = first_alone
    with pytest.raises(StopIteration):
        runner.train()


def test_gradient_accumulation_drops_the_sum(tmp_path, step_hooks):
    wrapper = dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=3)
    runner, guard = run(tmp_path, Fault('loss', {2}), max_skips=1, optim_wrapper=wrapper)
    runner.train()
    assert guard.skips == 1 and finite(runner.model.parameters())


@pytest.mark.parametrize(
    ('kind', 'iteration', 'batches'), [('gradient', 3, 2), ('gradient', 6, 2), ('loss', 4, 1)]
)
def test_gradient_accumulation_names_all_images_that_may_be_bad(
    tmp_path, caplog, step_hooks, kind, iteration, batches
):
    """Three batches an epoch, two a step: those of a bad gradient came before or after an epoch."""
    wrapper = dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=2)
    seen = []

    class Seen(Fault):
        def forward(self, x, img_path, mode='tensor'):
            seen.append(img_path)
            return super().forward(x, img_path, mode)

    runner, _ = run(tmp_path, Seen(kind, {iteration}), optim_wrapper=wrapper)
    runner.logger.addHandler(caplog.handler)
    with pytest.raises(FloatingPointError):
        runner.train()
    line = next(r.message for r in caplog.records if r.message.startswith('Not finite'))
    expected = ', '.join(path for paths in seen[-batches:] for path in paths)
    assert line == f'Not finite, the images of the batch: {expected}'


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    runner, _ = run(tmp_path, Line())
    hook = runner.train_loop.run_iter

    def break_weights(index, batch):
        hook(index, batch)
        if runner.iter == 6:
            runner.model.fc.weight.data.fill_(math.inf)

    runner.train_loop.run_iter = break_weights
    with pytest.raises(FloatingPointError, match=r'weights fc\.weight are not finite at epoch 2'):
        runner.train()
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']


def test_broken_weights_are_no_batch_to_leave_out(tmp_path):
    runner, guard = run(tmp_path, Line(), max_skips=5)
    runner.model.fc.bias.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match='are not finite: check'):
        runner.train()
    assert guard.skips == 0


def test_names_weights_that_were_broken_before(tmp_path, step_hooks):
    runner, _ = run(tmp_path, Line())
    runner.model.fc.bias.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match=r'iteration 1 .*the weights fc\.bias are not'):
        runner.train()


def test_what_a_gradient_scaler_finds_is_no_error(step_hooks):
    """The scaler leaves the step out; a fused optimiser is handed its finding."""
    guard = NonFiniteGuardHook()
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    optimizer.register_step_pre_hook(guard._check_gradients)
    parameter.grad = torch.tensor([math.inf, 1.0])
    optimizer.found_inf = torch.ones(1)
    guard._check_gradients(optimizer, (), {})
    assert not guard._left_out and parameter.grad is not None
    del optimizer.found_inf
    optimizer.step()
    assert guard._left_out and torch.equal(parameter, torch.ones(2))


def scaler_on_cpu():
    if hasattr(torch.amp, 'GradScaler'):
        return torch.amp.GradScaler('cpu', init_scale=2.0**127)
    pytest.skip('PyTorch before 2.3 scales gradients on GPUs alone')


def test_an_overflow_through_a_scaler_goes_on():
    scaler = scaler_on_cpu()
    guard = NonFiniteGuardHook()
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    optimizer.register_step_pre_hook(guard._check_gradients)
    for _ in range(20):
        scaler.scale((parameter * 100).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert not guard._left_out
    assert parameter.isfinite().all() and not torch.equal(parameter, torch.ones(2))


class Logged(Line):
    """A loss that is only logged is not finite."""

    def forward(self, x, img_path, mode='tensor'):
        result = super().forward(x, img_path, mode)
        return {**result, 'extra_loss': torch.tensor(math.nan)} if mode == 'loss' else result


def test_a_step_that_was_taken_is_not_said_to_be_left_out(tmp_path, step_hooks, monkeypatch):
    runner, guard = run(tmp_path, Logged(), max_skips=100)
    told: list[str] = []
    monkeypatch.setattr(runner.logger, 'warning', lambda text, *_: told.append(text))
    before = runner.model.fc.weight.clone()
    runner.train()
    kinds = [text.split(' (')[0] for text in told if 'of at most 100' in text]
    assert kinds == ['Step taken, for its gradients are finite'] * guard.skips != []
    assert (runner.model.fc.weight != before).any()


def test_limits_below_zero():
    with pytest.raises(ValueError, match='max_skips must be at least 0, got -1'):
        NonFiniteGuardHook(-1)
