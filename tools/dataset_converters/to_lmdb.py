"""Put the images of a data set into LMDB: ``to_lmdb.py data/ferplus train.json valid.json``.

The keys are the paths as the data set asks for them, so ``data_root`` must be the same in the
config. Read it with ``dict(type='ranfer.LoadFaceImage', backend_args=dict(backend='lmdb',
db_path='data/ferplus/images.lmdb'))``.
"""

import argparse
import os

from ranfer.datasets.annotation import load_rows
from ranfer.engine.errors import one_sentence_errors, tool_parser
from ranfer.utils.dependencies import require

LONGEST = 511
"""Bytes of a key of LMDB."""


def parse_args() -> argparse.Namespace:
    parser = tool_parser('Put the images of a data set into LMDB')
    parser.add_argument('data_root', help='data_root of the config')
    parser.add_argument('ann_files', nargs='+', help='annotation files in it')
    parser.add_argument('--out', help='database; images.lmdb in data_root by default')
    return parser.parse_args()


def write(data_root: str, ann_files: list[str], out: str) -> int:
    """Write every image once and return their number."""
    lmdb = require('lmdb', 'pip install lmdb', 'The database')
    paths = sorted(
        {
            os.path.join(data_root, row['img_path'])
            for name in ann_files
            for row in load_rows(os.path.join(data_root, name), 'correct its name')
        }
    )
    for path in paths:
        if not path.isascii() or len(path) > LONGEST:
            raise ValueError(
                f'LMDB cannot hold the path {path!r}; rename it in ASCII with at most {LONGEST} '
                f'characters, and the row of the annotation with it.'
            )
    size = sum(os.path.getsize(path) for path in paths)
    room = 2 * size + 2**14 * len(paths) + 2**24 + _size(os.path.join(out, 'data.mdb'))
    with lmdb.open(out, map_size=room) as database, database.begin(write=True) as transaction:
        for path in paths:
            with open(path, 'rb') as file:
                transaction.put(path.encode(), file.read())
    return len(paths)


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.isfile(path) else 0


def main() -> None:
    args = parse_args()
    with one_sentence_errors(args.traceback):
        out = args.out or os.path.join(args.data_root, 'images.lmdb')
        count = write(args.data_root, args.ann_files, out)
    print(f'{out}: {count} images.')


if __name__ == '__main__':
    main()
