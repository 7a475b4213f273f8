"""Train and test variants of a RAN over several seeds and compare them in one table.

    python tools/analysis_tools/ablation.py configs/ran/ran_shared_r18-slim_synthfer.py --epochs 4
    python tools/analysis_tools/ablation.py CONFIG --rows baseline ran --seeds 0 1 2
    python tools/analysis_tools/ablation.py CONFIG --list    # the commands, without running them

Every run is one call of tools/train.py and of tools/test.py. Finished runs stay in the work
directory and are not repeated, so the same command goes on after a stop. Where the test split has
no occlusion condition, the model is tested once more with ``tools/test.py --occlude``.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmpretrain.registry import DATASETS

from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.engine.launch import CfgOptions, read_config
from ranfer.evaluation.tables import markdown_table, mean_and_spread
from ranfer.regions.fixed import PAPER_BOXES
from ranfer.utils.scope import in_scope

ROOT = Path(__file__).resolve().parents[2]
CONDITIONS = ('occlusion', 'pose30', 'pose45')


def parse_args() -> argparse.Namespace:
    parser = tool_parser(__doc__)
    parser.add_argument('config', help='config of a RAN with FixedRegions, the row "ran"')
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='rows to run; all by default')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, help='scale the schedule to so many epochs')
    parser.add_argument('--work-dir', type=Path, help='work_dirs/ablation_CONFIG by default')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], help='settings of all rows, as in tools/train.py'
    )
    parser.add_argument('--list', action='store_true', help='print the commands and end')
    args = parser.parse_args()
    if any(option.startswith('train_cfg.max_epochs=') for option in args.cfg_options):
        parser.error('--cfg-options: give --epochs instead of train_cfg.max_epochs')
    args.work_dir = args.work_dir or Path('work_dirs') / f'ablation_{Path(args.config).stem}'
    return args


def variants(cfg: Config) -> dict[str, dict]:
    """Settings of every row, by name, in order of importance."""
    model = cfg.model
    shared = 'SharedRegionBackbone' in model.backbone.type
    backbone = model.backbone.backbone if shared else model.backbone
    plain = {'model.backbone': replaced(backbone), 'data_preprocessor.crop': True}
    unbiased = {'model.head.region_loss': None}
    single = 'model.head.single_region_loss'
    alone = {single: None} if model.head.get('single_region_loss') else {}
    other = 'sigmoid' if model.neck.get('activation') == 'sigmoid_softmax' else 'sigmoid_softmax'
    whole_face = {'data_preprocessor.num_regions': 1}
    rows = {
        'baseline': {
            'model': replaced(classifier(backbone, model.head)),
            'data_preprocessor.with_mask': False,
            **whole_face,
            **({'data_preprocessor.crop': True} if shared else {}),
        },
        'one region': {**whole_face, **unbiased, **alone, **(plain if shared else {})},
        'self-attention': {'model.head': replaced(stock_head(model.head))},
        'self- and relation-attention': unbiased,
        'ran': {},
        other: {f'model.{part}.activation': other for part in ('neck', 'head')},
        'random': strategy(cfg, type='RandomRegions'),
        'landmark': strategy(cfg, type='LandmarkRegions'),
        'grid': strategy(cfg, type='GridRegions'),
    }
    if alone:
        rows['no single region loss'] = alone
    else:
        rows['single region loss'] = {single: dict(type='CrossEntropyLoss')}
    for margin in (0.0, 0.05, 0.1):
        rows[f'margin {margin}'] = {'model.head.region_loss.margin': margin}
    rows |= numbers_of_crops(cfg)
    if shared:
        rows['full form'] = plain
    else:
        cut = dict(type='ranfer.SharedRegionBackbone', backbone=backbone, split_stage=2, roi_size=4)
        rows['shared form'] = {'model.backbone': replaced(cut), 'data_preprocessor.crop': False}
    return rows


def classifier(backbone: dict, head: dict) -> dict:
    """MMPretrain's classifier."""
    neck = dict(type='GlobalAveragePooling')
    return dict(type='ImageClassifier', backbone=backbone, neck=neck, head=stock_head(head))


def stock_head(head: dict) -> dict:
    """A linear head in place of the relation-attention."""
    kept = {key: head[key] for key in ('num_classes', 'in_channels', 'loss') if key in head}
    return dict(type='ranfer.Float32LinearHead', **kept)


def numbers_of_crops(cfg: Config) -> dict[str, dict]:
    """Rows with fewer or more crops, in training and testing or in training alone."""
    rows = {}
    for crops in (2, 3):
        few = dict(type='FixedRegions', boxes=PAPER_BOXES[:crops])
        rows[f'{crops} crops'] = outermost(cfg, 'train', 'val', 'test', **few)
    rows['10 random crops'] = strategy(cfg, type='RandomRegions', num_regions=10)
    fixed = dict(type='FixedRegions')
    if 'RegionDropout' in str(cfg.train_dataloader):
        rows['all crops in training'] = outermost(cfg, 'train', **fixed)
    else:
        dropout = dict(type='RegionDropout', strategy=fixed, keep=3)
        rows['3 of 5 crops in training'] = outermost(cfg, 'train', **dropout)
    return rows


def replaced(config: dict) -> dict:
    return dict(_delete_=True, **config)


def strategies(cfg: Config, *splits: str) -> Iterator[tuple[str, dict]]:
    """Key and config of the region strategy in every pipeline."""
    for split in splits:
        for index, step in enumerate(cfg[f'{split}_dataloader'].dataset.pipeline):
            if step.type == 'ranfer.RegionCropTransform':
                key = f'{split}_dataloader.dataset.pipeline.{index}.strategy'
                yield key, step.get('strategy') or {}


def strategy(cfg: Config, **settings: object) -> dict:
    """Another region strategy; :class:`RegionDropout` around one stays."""
    return {
        f'{key}.strategy' if now.get('type') == 'RegionDropout' else key: replaced(settings)
        for key, now in strategies(cfg, 'train', 'val', 'test')
    }


def outermost(cfg: Config, *splits: str, **settings: object) -> dict:
    """Another region strategy in place of the one there is and any :class:`RegionDropout`."""
    return {key: replaced(settings) for key, _ in strategies(cfg, *splits)}


def as_options(settings: dict, prefix: str = '') -> Iterator[str]:
    """Settings as words of ``--cfg-options``."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from as_options(value, f'{prefix}{key}.')
        else:
            value = list(value) if isinstance(value, tuple) else value
            yield f'{prefix}{key}={value}'.replace(' ', '')


def commands(args: argparse.Namespace, settings: dict, folder: Path, seed: int) -> list[list[str]]:
    """Words of the training and the test of one run."""
    own = [f'randomness.seed={seed}', *as_options(settings)]
    options = ['--cfg-options', *args.cfg_options, *own]
    epochs = args.epochs or read_config(args.config).train_cfg.max_epochs
    train = [
        'tools/train.py', args.config, '--amp', '--no-validate', '--epochs', str(epochs),
        '--work-dir', str(folder), *options,
    ]  # fmt: skip
    test = [
        'tools/test.py', args.config, str(folder / f'epoch_{epochs}.pth'), '--amp',
        '--work-dir', str(folder), *options,
    ]  # fmt: skip
    return [train, test]


def run(command: list[str]) -> None:
    print(f'\n$ {shlex.join(["python", *command])}', flush=True)
    script, *words = command
    done = subprocess.run([sys.executable, str(ROOT / script), *words], check=False)
    if done.returncode:
        raise ValueError(f'{script} ended with status {done.returncode}; see above.')


def is_finished(folder: Path, steps: list[list[str]]) -> bool:
    """Whether a run is done.

    Raises:
        ValueError: If the folder holds a run of other settings.
    """
    path = folder / 'result.json'
    if not path.is_file():
        return False
    if read_json(path)['commands'] != steps:
        raise ValueError(
            f'{path} is of a run with other settings; give another --work-dir or remove {folder}.'
        )
    return True


def train_and_test(folder: Path, steps: list[list[str]]) -> None:
    """Run a variant from one seed and write its accuracies to a file, unless that is done."""
    if is_finished(folder, steps):
        return
    for step in steps:
        run(step)
    report = read_json(folder / 'report.json')
    accuracy = {'overall': report['accuracy'], 'mean class': report['mean_accuracy']}
    accuracy |= {n: v['accuracy'] for n, v in report['conditions'].items() if n in CONDITIONS}
    if 'occlusion' not in accuracy:
        occluded = folder / 'occluded'
        test = [str(occluded) if word == str(folder) else word for word in steps[1]]
        run([*test[:3], '--occlude', *test[3:]])
        accuracy['drawn occluder'] = read_json(occluded / 'report.json')['accuracy']
    for checkpoint in folder.glob('*.pth'):
        checkpoint.unlink()
    result = dict(accuracy=accuracy, commands=steps)
    (folder / 'result.json').write_text(json.dumps(result, indent=2), encoding='utf-8')


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding='utf-8'))


def finished_runs(args: argparse.Namespace) -> dict[str, dict[int, dict]]:
    """Figures of all runs of these settings in the work directory, by row and seed."""
    results: dict[str, dict[int, dict]] = {}
    for name, settings in variants(merged_config(args)).items():
        found = args.work_dir.glob(f'{slug(name)}_seed*/result.json')
        seeds = (path.parent.name.rpartition('_seed')[2] for path in found)
        for seed in sorted(int(text) for text in seeds if text.isdigit()):
            folder = run_folder(args, name, seed)
            result = read_json(folder / 'result.json')
            if result['commands'] == commands(args, settings, folder, seed):
                results.setdefault(name, {})[seed] = result['accuracy']
    return results


def slug(name: str) -> str:
    return name.replace(' ', '_')


def run_folder(args: argparse.Namespace, name: str, seed: int) -> Path:
    return args.work_dir / f'{slug(name)}_seed{seed}'


def table(results: dict[str, dict[int, dict]]) -> str:
    """Lay out mean and standard deviation of every row."""
    runs = {name: list(by_seed.values()) for name, by_seed in results.items()}
    columns = list(next(iter(runs.values()))[0])
    rows = [
        [name, str(len(own)), *(mean_and_spread([run[c] for run in own]) for c in columns)]
        for name, own in runs.items()
    ]
    return markdown_table(['accuracy %', 'seeds', *columns], rows)


def write_table(args: argparse.Namespace, results: dict[str, dict[int, dict]]) -> None:
    """Write the table and the command of every row."""
    text = table(results)
    options = ['--epochs', str(args.epochs)] if args.epochs else []
    options += ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    script = ['python', 'tools/analysis_tools/ablation.py', args.config]
    lines = '\n'.join(
        shlex.join([*script, '--rows', name, '--seeds', *map(str, by_seed), *options])
        for name, by_seed in results.items()
    )
    path = args.work_dir / 'ablation.md'
    path.write_text(f'{text}\n\n```bash\n{lines}\n```\n', encoding='utf-8')
    print(f'\n{text}\n\n{path}', flush=True)


def merged_config(args: argparse.Namespace) -> Config:
    """The config with the settings of all rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, default={})
    words = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    cfg = read_config(args.config)
    cfg.merge_from_dict(parser.parse_args(words).cfg_options)
    return cfg


def chosen(args: argparse.Namespace) -> dict[str, dict]:
    cfg = merged_config(args)
    rows = variants(cfg)
    unknown = [name for name in args.rows or () if name not in rows]
    if unknown:
        raise ValueError(f'--rows got {unknown[0]!r}, expected some of {", ".join(rows)}.')
    if not args.rows and not args.list and not has_landmarks(cfg):
        print('Row landmark left out: the annotation has no landmarks; '
              'tools/dataset_converters/extract_landmarks.py finds them.')  # fmt: skip
        rows.pop('landmark')
    return {name: rows[name] for name in args.rows} if args.rows else rows


def has_landmarks(cfg: Config) -> bool:
    """Whether the training data come with landmarks."""
    with in_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return any('gt_keypoints' in dataset.get_data_info(i) for i in range(len(dataset)))


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        rows = chosen(args)
        for seed in args.seeds:
            for name, settings in rows.items():
                folder = run_folder(args, name, seed)
                steps = commands(args, settings, folder, seed)
                if args.list:
                    print(*(shlex.join(['python', *step]) for step in steps), sep='\n')
                else:
                    train_and_test(folder, steps)
                    write_table(args, finished_runs(args))


if __name__ == '__main__':
    main()
