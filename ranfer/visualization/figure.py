"""What all pictures share: size, colours, and the way from a figure to an array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ranfer.engine.atomic import draft_of

DPI = 100
BLUE, ORANGE, GREY = '#0072b2', '#d55e00', '#666666'
"""Two colours that stay apart in every form of colour blindness (Okabe and Ito), and grey."""

LINE_COLOURS = (BLUE, ORANGE, '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000')
LINE_STYLES = ('-', '--', '-.', ':')
"""Of several lines on white. 7 and 4 have no common factor, so the first 28 lines differ."""

WEIGHT_COLOURS = matplotlib.colormaps['RdYlBu_r']
"""Lowest weight blue, highest red, over yellow: in order in every form of colour blindness."""


class PictureError(ValueError):
    """A picture cannot be written in the format that its file name asks for."""


def new_figure(width: int, height: int, layout: str | None = 'constrained') -> Figure:
    """Make a white figure of so many pixels that no global state of matplotlib knows.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        layout: Layout engine of matplotlib. Defaults to ``'constrained'``.
    """
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout=layout, facecolor='white')
    FigureCanvasAgg(figure)
    return figure


def plain(text: str) -> str:
    """Escape the names of files and classes, in which matplotlib would read ``$`` as formulas."""
    return text.replace('$', r'\$')


def to_image(figure: Figure) -> np.ndarray:
    """Render a figure to an RGB image, uint8, ``(H, W, 3)``."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def write_picture(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write an RGB image as the suffix of ``path`` says, whole or not at all; folders are made.

    Args:
        path: Target such as ``'out/face.png'``.
        image: RGB, uint8, ``(H, W, 3)``.

    Raises:
        PictureError: If the suffix is no image format, or the format has no images of that size.
        OSError: If the file cannot be written; an older one stays as it was.
    """
    path = Path(path)
    if not path.suffix or not cv2.haveImageWriter(f'picture{path.suffix}'):
        raise PictureError(
            f'Picture {str(path)!r} has the suffix {path.suffix!r}, expected that of an image '
            f'format; write .png or .jpg.'
        )
    try:
        done, data = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]))
    except cv2.error:  # older releases of OpenCV raise, newer ones return False
        done = False
    if not done:
        raise PictureError(
            f'Picture {str(path)!r} has {image.shape[1]} x {image.shape[0]} pixels, more than '
            f'{path.suffix} can hold; shrink the image.'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with draft_of(str(path)) as draft:
            Path(draft).write_bytes(data.tobytes())
    except OSError as error:  # which names the draft, or nothing
        raise OSError(error.errno, error.strerror, str(path)) from error


def text_colour(background: Sequence[float] | np.ndarray) -> str:
    """Black or white, whichever reads better on an RGB(A) colour of values in [0, 1]."""
    red, green, blue = background[:3]
    return 'black' if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else 'white'


def clean_axes(axes: matplotlib.axes.Axes) -> None:
    """Take away the upper and right border."""
    axes.spines[['top', 'right']].set_visible(False)
