"""Name the expressions in images: ``python demo/image_demo.py face.jpg [--out DIR]``.

The same as ``ranfer predict``; ``--help`` lists the options.
"""

import sys

from ranfer.cli import main

if __name__ == '__main__':
    raise SystemExit(main(['predict', *sys.argv[1:]]))
