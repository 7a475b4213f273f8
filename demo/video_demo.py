"""Track the expressions in a video: ``python demo/video_demo.py film.mp4 --out DIR``.

Writes the annotated film and a table with one line a face and frame. The same as
``ranfer predict``; ``--help`` lists the options.
"""

import sys

from ranfer.cli import main

if __name__ == '__main__':
    raise SystemExit(main(['predict', *sys.argv[1:]]))
