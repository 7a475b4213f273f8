"""The benchmarks measure what they say: the loop is RAN, and documents take their tables."""

from __future__ import annotations

import argparse
import itertools
import sys

import pytest
import torch
from samples import needs_one_graph
from test_tools.conftest import ROOT, run_script

FOLDER = ROOT / 'tools/benchmarks'


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for name in ('common', 'authors_loop', 'compiled', 'scaling', 'train_step', 'write_docs'):
        sys.modules.pop(name, None)


def test_loop_over_regions_is_ran():
    from authors_loop import LoopRAN
    from common import labels, ran_model

    torch.manual_seed(0)
    loop, ours = LoopRAN(), ran_model(True, 'cpu')
    state = {f'backbone.{k[5:]}': v for k, v in loop.state_dict().items() if k[:5] == 'body.'}
    state |= {
        'neck.attention.weight': loop.self_attention.weight,
        'head.attention.weight': loop.relation_attention.weight,
        'head.fc.weight': loop.classifier.weight,
        'head.fc.bias': loop.classifier.bias,
    }
    ours.load_state_dict(state)
    for layer in (loop.self_attention, loop.relation_attention):
        torch.nn.init.zeros_(layer.bias)
    loop.eval(), ours.eval()
    regions = torch.randn(2, 3, 32, 32, 4)
    crops = regions.permute(0, 4, 1, 2, 3)
    with torch.no_grad():
        torch.testing.assert_close(ours(crops), loop(regions)[0], atol=1e-4, rtol=1e-4)
        losses = ours(crops, labels(2, 'cpu'), mode='loss')
        expected = loop.loss(regions, torch.tensor([0, 1]))
    torch.testing.assert_close(sum(losses.values()), expected, atol=1e-4, rtol=1e-4)


def test_a_turn_begins_with_a_rest_and_a_call_that_does_not_count(monkeypatch):
    import common

    happened = []
    monkeypatch.setattr(common.time, 'sleep', lambda seconds: happened.append(seconds))
    cases = {name: lambda name=name: happened.append(name) for name in 'ab'}
    seconds = common.times(cases, repeats=2, settle=0.1)
    assert happened == [*'aabb', *[0.1, 'a', 'a', 0.1, 'b', 'b'] * 2]
    assert [len(values) for values in seconds.values()] == [2, 2]


@needs_one_graph
def test_the_compiled_step_is_one_graph_and_computes_gradients(monkeypatch):
    import compiled as benchmark

    torch._dynamo.reset()
    models, calls, timed = [], [], {}
    compiled = torch.nn.Module.compile

    def compile_eagerly(self, options, **others):
        models.append(self)
        calls.append((options, others))
        compiled(self, backend='eager', **others)

    def medians(cases, repeats, device):
        timed.update(cases)
        return {'loop, fp32': 2.0, 'RAN, bf16 channels_last': 1.0, 'RAN, compiled': 0.5}

    monkeypatch.setattr(torch.nn.Module, 'compile', compile_eagerly)
    monkeypatch.setattr(benchmark, 'medians', medians)
    args = argparse.Namespace(device='cpu', repeats=1, options='{"a": true}')
    rows = benchmark.rows_of(args, 32, 2, 1e9)  # a break in the graph would be an error
    assert calls == [(dict(a=True), dict(dynamic=False, fullgraph=True))]
    assert models[0].backbone.conv1.weight.grad.abs().sum() > 0
    assert list(timed) == [row['step'] for row in rows]
    assert [row['times_the_loop'] for row in rows] == [1, 2, 4]
    assert rows[0]['utilisation'] is None
    assert rows[2]['utilisation'] == 2 * rows[1]['utilisation'] > 0


@pytest.mark.parametrize(
    ('option', 'value', 'sentence'),
    [
        ('--sizes', '64', "--sizes must be pixels and faces such as '224x128 64x1024', got '64'."),
        ('--sizes', '0x4', "got '0x4'."),
        ('--options', '{bad', '--options must be a JSON object such as'),
        ('--options', '[1]', "got '[1]'."),
    ],
)
def test_mistakes_in_options_are_a_sentence(option, value, sentence, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_script(FOLDER / 'compiled.py', '--quick', '--out', tmp_path, option, value)
    error = capsys.readouterr().err
    assert error.startswith('Error: ') and sentence in error


def test_a_gpus_turn_is_several_calls(monkeypatch):
    import common

    clock, calls = itertools.count(), []
    monkeypatch.setattr(common, '_synchronise', lambda device: None)
    monkeypatch.setattr(common.time, 'perf_counter', lambda: next(clock))
    assert common.medians({'a': lambda: calls.append('a')}, 3, 'cuda') == {'a': 1 / 4}
    assert len(calls) == 2 + 3 * 4
    assert common.medians({'a': lambda: calls.append('a')}, 3, 'cpu') == {'a': 1}
    assert len(calls) == 14 + 2 + 3


@pytest.mark.parametrize('bf16', [True, False])
def test_a_cpu_that_emulates_bf16_does_not_measure_it(monkeypatch, bf16):
    import common
    import train_step

    monkeypatch.setattr(common, 'cpu_has_bf16', lambda: bf16)
    assert ('bf16 channels_last' in common.settings('cpu')) == bf16
    assert common.settings('cuda') == common.SETTINGS
    assert list(train_step.in_channels_last('cpu')) == list(train_step.WANTED)[: 1 + bf16]


def test_what_is_loaded_ahead_is_drained_before_loading_is_timed(monkeypatch):
    import train_step

    timed = {}

    def medians(cases, repeats, device):
        timed.update(cases)
        return dict.fromkeys(cases, 1.0)

    monkeypatch.setattr(train_step, 'medians', medians)
    monkeypatch.setattr(train_step, 'build_model', lambda *_: None)
    monkeypatch.setattr(train_step, 'step_of', lambda *_: None)
    args = argparse.Namespace(device='cpu', repeats=1, workers=3)
    train_step.against_loading(args, itertools.count(), 32, 4, 2)
    names = list(timed)
    assert names[names.index('loading alone') - 1] == 'drain'
    assert len(timed['drain']()) == 6


def test_scaling_runs_where_it_is_told_to(monkeypatch):
    import scaling

    def init(backend, **_):
        raise RuntimeError(backend)

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(scaling.dist, 'init_process_group', init)
    monkeypatch.setattr(scaling.mp, 'spawn', lambda worker, args, nprocs: worker(nprocs - 1, *args))
    for kind, backend in (('cpu', 'gloo'), ('cuda', 'nccl')):
        with pytest.raises(RuntimeError, match=backend):
            scaling.measure(1, 2, 32, 1, kind)


def test_runs_and_fills_a_document(tmp_path, capsys):
    run_script(FOLDER / 'data_pipeline.py', '--quick', '--repeats', 1, '--out', tmp_path)
    assert 'samples/s' in capsys.readouterr().out
    page = tmp_path / 'page.md'
    marks = '<!-- table: data_pipeline, One worker -->', '<!-- machine: data_pipeline -->'
    page.write_text('\n'.join(f'{mark}\nold\n<!-- end -->' for mark in marks))
    for _ in range(2):
        run_script(FOLDER / 'write_docs.py', tmp_path, page)
        text = page.read_text()
        assert 'old' not in text
        assert text.count('<!-- end -->') == 2
        assert text.count('| 224') == 1
        assert 'threads 1' in text
    page.write_text('<!-- table: data_pipeline, Nothing -->\n<!-- end -->')
    with pytest.raises(SystemExit):
        run_script(FOLDER / 'write_docs.py', tmp_path, page)
    assert "no table 'Nothing'" in capsys.readouterr().err
