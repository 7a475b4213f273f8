"""Fuzz one target, guided by the coverage of ranfer's and Pillow's Python code.

Needs atheris (``pip install atheris``): ``python tests/fuzz/run.py image --seconds 600``. What is
found and reaches new code stays in ``--corpus``; an input that breaks the target is written to
``crash-<hash>`` there and ends the run.
"""

import argparse
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=['ranfer', 'PIL']):
    from targets import TARGETS, seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('target', choices=TARGETS)
    parser.add_argument('--seconds', type=int, default=60)
    parser.add_argument('--corpus', type=Path, default=Path('work_dirs/fuzz'))
    args = parser.parse_args()
    folder = args.corpus / args.target
    folder.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds(args.target)):
        (folder / f'seed{index}').write_bytes(data)
    options = ['-max_len=4096', '-timeout=120', '-rss_limit_mb=4096', '-print_final_stats=1']
    options.append(f'-artifact_prefix={folder}/crash-')
    kept = Path(__file__).parent / 'corpus' / args.target
    options += [f'-max_total_time={args.seconds}', str(folder)]
    options += [str(kept)] if kept.is_dir() else []
    atheris.enabled_hooks.add('RegEx')
    atheris.enabled_hooks.add('str')
    atheris.Setup([sys.argv[0], *options], TARGETS[args.target])
    atheris.Fuzz()


if __name__ == '__main__':
    main()
