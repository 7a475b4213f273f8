"""Test a model: ``python tools/test.py CONFIG CHECKPOINT``."""

import argparse
import json
import os
import os.path as osp
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric, DumpResults
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import (
    add_common_arguments,
    apply_common_arguments,
    end_distributed,
    read_config,
)
from ranfer.engine.precision import evaluate_in_half_precision, takes_amp
from ranfer.engine.weights import load_weights
from ranfer.evaluation import DumpPredictions, FERMetric
from ranfer.evaluation.paper_results import report_text


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Test a model and print its accuracy by condition')
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out',
        help='write predictions (.json; .pkl with all fields) or figures (.json) to this file',
    )
    parser.add_argument(
        '--out-item', choices=['metrics', 'pred'], help='what --out holds; pred by default'
    )
    parser.add_argument('--tta', action='store_true', help='average the scores over a flip')
    parser.add_argument(
        '--occlude',
        type=int,
        nargs='?',
        const=0,
        metavar='SEED',
        help='hide a part of every face by a drawn occluder; the seed is 0 by default',
    )
    parser.add_argument('--show-dir', help='write pictures of the predictions to this folder')
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--interval', type=int, default=1, help='picture every so many samples')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds a window stays')
    args = parser.parse_args()
    if args.out is None and args.out_item is not None:
        parser.error('--out-item needs --out FILE')
    if args.out is not None and not args.out.endswith(('.json', '.pkl', '.pickle')):
        parser.error(f'--out: got {args.out!r}, expected a name in .json, .pkl or .pickle')
    if args.interval != 1 and not (args.show or args.show_dir):
        parser.error('--interval needs --show-dir FOLDER or --show')
    return args


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    cfg = apply_common_arguments(cfg, args)
    cfg.load_from = args.checkpoint
    cfg.resume = False  # a config that train.py --resume wrote would build the training data
    if args.amp and takes_amp():
        evaluate_in_half_precision(cfg, 'test_cfg')
    if args.show or args.show_dir is not None:
        cfg.default_hooks.visualization.update(
            enable=True,
            show=args.show,
            wait_time=args.wait_time,
            out_dir=args.show_dir,
            interval=args.interval,
        )
    if args.occlude is not None:
        occlude_faces(cfg, args.occlude)
    if args.tta:
        use_flip_tta(cfg)
    return renamed(cfg)


def renamed(cfg: Config) -> Config:
    """The config as ``<name>_test.py``: a runner writes it where that of the training may lie."""
    name = Path(cfg.filename)
    return Config(cfg.to_dict(), cfg.text, str(name.with_stem(f'{name.stem}_test')))


def occlude_faces(cfg: Config, seed: int) -> None:
    """Draw an occluder on every face, behind the loading step; it depends on seed and index."""
    occlude = dict(type='ranfer.RandomOcclusion', seed=seed)
    for dataset in with_pipelines(cfg.test_dataloader.dataset):
        load, *steps = dataset.pipeline
        dataset.pipeline = [load, occlude, *steps]


def with_pipelines(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """The data sets behind wrappers such as ``ConcatDataset``."""
    if 'pipeline' in dataset:
        yield dataset
    for inner in [*dataset.get('datasets', []), *filter(None, [dataset.get('dataset')])]:
        yield from with_pipelines(inner)


def use_flip_tta(cfg: Config) -> None:
    """Test every image and its mirror image; the regions are placed after the flip.

    The image as it is comes first: the averaged sample keeps the fields of the first view.
    """
    flips = [dict(type='ranfer.RandomFaceFlip', prob=p) for p in (0.0, 1.0)]
    for dataset in with_pipelines(cfg.test_dataloader.dataset):
        *steps, regions, pack = dataset.pipeline
        views = dict(type='TestTimeAug', transforms=[flips, [regions], [pack]])
        dataset.pipeline = [*steps, views]
    cfg.model = ConfigDict(
        type='mmpretrain.AverageClsScoreTTA',
        module=deepcopy(cfg.model),
    )


def write_report(runner: Runner, beside_paper: bool) -> None:
    """Print the tables and write them as JSON and Markdown into the work directory."""
    for metric in runner.test_evaluator.metrics:
        if not isinstance(metric, FERMetric) or metric.report is None:
            continue
        report = metric.report
        name = (metric.dataset_meta or {}).get('dataset') if beside_paper else None
        text = report_text(report, name)
        print(f'\n{text}')
        report.save(osp.join(runner.work_dir, 'report.json'))
        Path(runner.work_dir, 'report.md').write_text(text, encoding='utf-8')


def dump(path: str, metrics: list[BaseMetric]) -> BaseMetric:
    """Return the metric that writes the predictions: JSON, or all fields as a pickle."""
    if not path.endswith('.json'):
        return DumpResults(out_file_path=path)
    overall = [metric.overall for metric in metrics if isinstance(metric, FERMetric)]
    metric = DumpPredictions(path, overall=overall[0] if overall else None)
    metric.dataset_meta = metrics[0].dataset_meta
    return metric


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        if args.out:
            os.makedirs(osp.dirname(args.out) or '.', exist_ok=True)
        cfg = merge_args(read_config(args.config), args)
        runner = Runner.from_cfg(cfg) if 'runner_type' not in cfg else RUNNERS.build(cfg)
        if args.out and args.out_item != 'metrics':
            runner.test_evaluator.metrics.append(dump(args.out, runner.test_evaluator.metrics))
        if isinstance(runner, Runner):  # MMEngine would leave what does not fit at random weights
            load_weights(runner.model, args.checkpoint)
        metrics = runner.test()
        if is_main_process():
            write_report(runner, beside_paper=args.occlude is None)
            if args.out_item == 'metrics':
                with open(args.out, 'w') as file:
                    json.dump(metrics, file, indent=2)
        end_distributed()


if __name__ == '__main__':
    main()
