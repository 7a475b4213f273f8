"""Draw faces, train a RAN and its plain baseline on them, test both and compare.

Everything runs on a CPU and needs no download. ``python tools/quickstart.py --seeds 0 1 2`` repeats
the comparison and reports mean and spread.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from ranfer.datasets.synthetic.generate import generate_synthfer
from ranfer.datasets.synthetic.parts import Parameters
from ranfer.evaluation.tables import markdown_table, mean_and_spread

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = {
    'ResNet-18 (slim)': 'configs/baseline/r18-slim_synthfer.py',
    'RAN-ResNet-18 (slim)': 'configs/ran/ran_r18-slim_synthfer.py',
}
CONDITIONS = {'occlusion': 'occlusion', 'pose30': 'pose > 30°', 'pose45': 'pose > 45°'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/quickstart'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='one run each')
    parser.add_argument('--epochs', type=int, default=8)
    return parser.parse_args()


def run(script: str, *options: object) -> None:
    command = [sys.executable, str(ROOT / 'tools' / script), *map(str, options)]
    print(f'\n$ python tools/{script} {" ".join(map(str, options))}', flush=True)
    done = subprocess.run(command, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f'tools/{script} ended with status {done.returncode}; see above.')


def train_and_test(config: str, folder: Path, epochs: int, seed: int) -> dict:
    """Return the report of a model trained from one seed."""
    run(
        'train.py', config, '--amp', '--no-validate', '--epochs', epochs, '--work-dir', folder,
        '--cfg-options', f'randomness.seed={seed}',
    )  # fmt: skip
    checkpoint = folder / f'epoch_{epochs}.pth'
    run('test.py', config, checkpoint, '--amp', '--work-dir', folder)
    return json.loads((folder / 'report.json').read_text())


def figures(report: dict) -> list[float]:
    """Overall accuracy and that of every condition, in percent."""
    return [report['accuracy'], *(report['conditions'][c]['accuracy'] for c in CONDITIONS)]


def comparison(reports: dict[str, list[dict]]) -> str:
    """Lay out the accuracies: mean and, with several seeds, standard deviation."""
    rows = []
    for name, runs in reports.items():
        columns = zip(*map(figures, runs))
        rows.append([name, *map(mean_and_spread, columns)])
    baseline, ran = (list(zip(*map(figures, runs))) for runs in reports.values())
    gains = [statistics.mean(b) - statistics.mean(a) for a, b in zip(baseline, ran)]
    rows.append(['gain', *(f'{gain:+.2f}' for gain in gains)])
    return markdown_table(['accuracy %', 'overall', *CONDITIONS.values()], rows)


def main() -> None:
    args = parse_args()
    out = args.work_dir.resolve()
    out.mkdir(parents=True, exist_ok=True)
    print('Drawing SynthFER into data/synthfer', flush=True)
    generate_synthfer(ROOT / 'data' / 'synthfer', Parameters(), workers=2)
    reports: dict[str, list[dict]] = {name: [] for name in CONFIGS}
    for seed in args.seeds:
        for name, config in CONFIGS.items():
            folder = out / f'{Path(config).stem}_seed{seed}'
            reports[name].append(train_and_test(config, folder, args.epochs, seed))
    checkpoint = folder / f'epoch_{args.epochs}.pth'
    run('analysis_tools/draw_report.py', folder / 'report.json', out / 'pictures')
    run(
        'analysis_tools/draw_attention.py', config, checkpoint,
        '--work-dir', folder, '--out', out / 'pictures' / 'attention',
    )  # fmt: skip
    table = comparison(reports)
    (out / 'comparison.md').write_text(f'{table}\n', encoding='utf-8')
    (out / 'comparison.json').write_text(json.dumps(reports, indent=2), encoding='utf-8')
    print(f'\nSynthFER test, {len(args.seeds)} seed(s), {args.epochs} epochs:\n\n{table}\n')
    print(f'Table, figures and pictures: {out}')


if __name__ == '__main__':
    main()
