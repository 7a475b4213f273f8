"""Fill the tables of a document: ``write_docs.py OUT_DIR docs/benchmarks.md``.

A table stands between ``<!-- table: FILE, TITLE -->`` and ``<!-- end -->``, where FILE is the name
of a benchmark and TITLE that of one of its tables; ``<!-- machine: FILE -->`` takes the machine.
"""

import json
import os.path as osp
import re

from common import markdown

from ranfer.engine.errors import one_sentence_errors, tool_parser


def load(folder: str, name: str) -> dict:
    path = osp.join(folder, f'{name}.json')
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; run tools/benchmarks/run_all.sh {folder}.')
    with open(path) as file:
        return json.load(file)


def fill(text: str, folder: str) -> str:
    """Replace what stands between the marks."""

    def table(match: re.Match) -> str:
        data = load(folder, match[1])
        if match[2] not in data['tables']:
            raise ValueError(
                f'{match[1]}.json has no table {match[2]!r}, only {", ".join(data["tables"])}; '
                f'correct the mark.'
            )
        return f'{_opening(match)}\n{markdown(data["tables"][match[2]])}\n<!-- end -->'

    def machine(match: re.Match) -> str:
        data = load(folder, match[1])
        facts = dict(data['machine'])
        facts |= {
            f'matmul {k} GFLOP/s': round(v) for k, v in data.get('matmul_GFLOP_per_s', {}).items()
        }
        return f'{_opening(match)}\n{", ".join(f"{k} {v}" for k, v in facts.items())}\n<!-- end -->'

    text = re.sub(r'<!-- table: (\w+), ([^>]+?) -->.*?<!-- end -->', table, text, flags=re.S)
    return re.sub(r'<!-- machine: (\w+) -->.*?<!-- end -->', machine, text, flags=re.S)


def _opening(match: re.Match) -> str:
    return match[0].split('\n', 1)[0]


def main() -> None:
    parser = tool_parser('Fill the tables of a document from JSON')
    parser.add_argument('folder', help='folder of the JSON files')
    parser.add_argument('document', help='Markdown file with marks')
    args = parser.parse_args()
    with one_sentence_errors(args.traceback):
        with open(args.document) as file:
            text = fill(file.read(), args.folder)
        with open(args.document, 'w') as file:
            file.write(text)


if __name__ == '__main__':
    main()
