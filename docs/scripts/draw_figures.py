"""Draw the figures of the documentation: ``python docs/scripts/draw_figures.py [docs/images]``.

Every face is drawn by SynthFER. The figures are the same on every run.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.patheffects import Normal, Stroke
from PIL import Image

from ranfer.datasets.synthetic import (
    CLASSES,
    OCCLUDERS,
    FaceTruth,
    render_face,
    sample_action_units,
    sample_face,
    sample_occluder,
)
from ranfer.registry import REGIONS
from ranfer.visualization.attention import place_labels
from ranfer.visualization.figure import new_figure, to_image

PERSON = 8
SIDE = 224
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')
"""Colours that stay apart in every form of colour blindness (Okabe and Ito)."""
LIGHT = ('#dcebf7', '#fde5d3', '#d9f2e8', '#f4e3ee')
MAX_BYTES = 150_000

STRATEGIES = {
    'FixedRegions()': dict(type='FixedRegions'),
    'RandomRegions()': dict(type='RandomRegions'),
    'RandomRegions(), another draw': dict(type='RandomRegions'),
    'LandmarkRegions(radius=0.25)': dict(type='LandmarkRegions'),
    'GridRegions(rows=2, cols=2)': dict(type='GridRegions', rows=2, cols=2),
    'GridRegions(rows=3, cols=3, overlap=0)': dict(type='GridRegions', rows=3, cols=3, overlap=0),
}


def face(
    expression: str = 'happiness', yaw: float = 0, occluder: str | None = None
) -> tuple[np.ndarray, FaceTruth]:
    """RGB picture of the person of the figures, and its ground truth."""
    rng = np.random.default_rng(PERSON)
    person = sample_face(rng, 'happiness', intensity=0.9, yaw=0)
    units = sample_action_units(expression, np.random.default_rng(PERSON), 0.9)
    hides = () if occluder is None else (sample_occluder(rng, occluder),)
    image, truth = render_face(
        replace(
            person,
            expression=expression,
            action_units=units,
            view=replace(person.view, yaw=yaw),
            occluders=hides,
        ),
        SIDE,
    )
    return image[..., ::-1].copy(), truth


def landmarks_of(truth: FaceTruth) -> np.ndarray:
    """Landmarks with their visibility, ``(5, 3)``, as they leave a data set."""
    return np.column_stack([truth.keypoints, truth.keypoints_visible]).astype(np.float32)


def boxes_of(config: dict, truth: FaceTruth, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and mask of a strategy."""
    strategy = REGIONS.build(config)
    return strategy((SIDE, SIDE), landmarks_of(truth), np.random.default_rng(seed))


def show(axes: Axes, image: np.ndarray, title: str = '', size: float = 11) -> None:
    """Show an image without ticks."""
    axes.imshow(image, extent=(0, image.shape[1], image.shape[0], 0), interpolation='bilinear')
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=size, pad=6)


def show_boxes(axes: Axes, boxes: np.ndarray, mask: np.ndarray, size: float = 10) -> None:
    """Draw numbered boxes; equal borders are set apart by a few pixels."""
    numbers = np.flatnonzero(mask)
    inset = 2 + 1.5 * (numbers[:, None] % 3) * (1, 1, -1, -1) - np.array([0, 0, 4, 4])
    inner = boxes[numbers] + inset
    outline = [Stroke(linewidth=4, foreground='black'), Normal()]
    places = place_labels(inner, (1.9 * size, 2 * size), 3)
    for number, (x1, y1, x2, y2) in zip(numbers, inner):
        line = dict(fill=False, edgecolor=COLOURS[number % len(COLOURS)], linewidth=2)
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, path_effects=outline, **line))
    for number, (x, y) in zip(numbers, places):
        colour = COLOURS[number % len(COLOURS)]
        style = dict(boxstyle='round,pad=0.2', facecolor=colour, edgecolor='black')
        text = str(number + 1)
        axes.text(x, y, text, ha='center', va='center', fontsize=size, bbox=style)


def draw_regions() -> np.ndarray:
    """The boxes of every strategy over one face."""
    image, truth = face()
    figure = new_figure(960, 680)
    for seed, (axes, (name, config)) in enumerate(
        zip(figure.subplots(2, 3).flat, STRATEGIES.items())
    ):
        show(axes, image, name)
        show_boxes(axes, *boxes_of(config, truth, seed))
    return to_image(figure)


def draw_missing() -> np.ndarray:
    """What landmark regions do with a hidden landmark."""
    figure = new_figure(960, 345)
    cases = (
        ('five landmarks', {}),
        ('behind a mask', dict(occluder='mask')),
        ('yaw 60°', dict(yaw=60)),
    )
    for axes, (title, options) in zip(figure.subplots(1, 3), cases):
        image, truth = face(**options)
        boxes, mask = boxes_of(dict(type='LandmarkRegions'), truth)
        show(axes, image, f'{title}: {int(mask.sum())} regions')
        show_boxes(axes, boxes, mask)
    return to_image(figure)


def draw_sheet() -> np.ndarray:
    """Expressions, occluders and head poses of SynthFER."""
    rows = (
        [(name, dict(expression=name)) for name in CLASSES],
        [('no occluder', {}), *((name, dict(occluder=name)) for name in OCCLUDERS)],
        [
            (f'yaw {yaw}°'.replace('-', '−'), dict(yaw=yaw))
            for yaw in (-60, -40, -20, 0, 20, 40, 60)
        ],
    )
    figure = new_figure(980, 500)
    for line, cells in zip(figure.subplots(3, 7), rows):
        for axes, (title, options) in zip(line, cells):
            show(axes, face(**options)[0], title)
    return to_image(figure)


def draw_data_flow() -> np.ndarray:
    """From the file to the expression, with the shapes on the way."""
    figure = new_figure(1080, 364, layout=None)
    axes = plane(figure, 1080, 364)
    image, truth = face()
    boxes, mask = boxes_of(dict(type='FixedRegions'), truth)
    place(figure, image, 20, 96, 150)
    axes.text(95, 84, 'image', ha='center', fontsize=12)
    overlay = place(figure, image, 212, 96, 150)
    show_boxes(overlay, boxes, mask, 8)
    axes.text(287, 84, 'boxes', ha='center', fontsize=12)
    crops = [image, *(cut(image, box) for box in boxes)]
    for number, crop in enumerate(crops):
        place(figure, crop, 404 + 66 * (number % 2), 74 + 66 * (number // 2), 62)
    axes.text(468, 62, 'crops, on the device', ha='center', fontsize=12)
    stage(axes, 576, 96, 92, 150, 'backbone\n\nResNet-18\nor any\nother', LIGHT[0])
    stage(axes, 706, 96, 176, 66, 'self-attention\nRANNeck', LIGHT[1])
    stage(axes, 706, 180, 176, 66, 'relation-attention\nRelationAttentionHead', LIGHT[2], 10.5)
    stage(axes, 918, 96, 142, 66, 'region biased\nloss (training)', LIGHT[3])
    stage(axes, 918, 180, 142, 66, 'expression\nand weights', LIGHT[3])
    for x1, x2 in ((172, 208), (364, 400), (536, 572)):
        arrow(axes, (x1, 171), (x2, 171))
    for y in (129, 213):
        arrow(axes, (670, y), (702, y))
        arrow(axes, (884, y), (914, y))
    arrow(axes, (794, 163), (794, 179))
    notes = (
        (95, 'LoadFaceImage\nand augmentation\nuint8 (3, H, W)'),
        (287, 'RegionCropTransform\nregions (R, 4)\nregion_mask (R,)'),
        (468, 'RegionDataPreprocessor\nnormalises and cuts\n(N · R, 3, 224, 224)'),
        (622, 'features\n(N · R, D)'),
        (794, 'μ, ν and weights (N, R)\nface vector (N, 2D)'),
        (989, 'pred_score (N, C)\nregion_weights (N, R)'),
    )
    for x, text in notes:
        axes.text(x, 292, text, ha='center', va='top', fontsize=10.5, linespacing=1.5)
    for x1, x2, text in ((20, 362, 'data pipeline, in the workers'), (404, 1060, 'model')):
        axes.plot([x1, x2], [30, 30], color='#666666', linewidth=1.5, solid_capstyle='butt')
        axes.text((x1 + x2) / 2, 22, text, ha='center', fontsize=11.5, color='#444444')
    return to_image(figure)


def draw_attentions() -> np.ndarray:
    """The two attentions as sums over the regions."""
    figure = new_figure(1080, 430, layout=None)
    axes = plane(figure, 1080, 430)
    image, truth = face()
    boxes, _ = boxes_of(dict(type='FixedRegions'), truth)
    crops = [image, cut(image, boxes[0]), cut(image, boxes[2])]
    rows = (60, 175, 320)
    for index, (crop, y) in enumerate(zip(crops, rows)):
        label = ('0', '1', 'k')[index]
        place(figure, crop, 20, y - 34, 68)
        arrow(axes, (92, y), (122, y))
        stage(axes, 126, y - 20, 66, 40, f'$F_{label}$', LIGHT[0], 14)
        arrow(axes, (194, y), (232, y))
        stage(axes, 236, y - 20, 150, 40, rf'$\mu_{label}=\sigma(q_0^T F_{label})$', LIGHT[1], 13)
        arrow(axes, (388, y), (448, 190))
        stage(axes, 640, y - 20, 190, 40, rf'$\nu_{label}=\sigma(q_1^T [F_{label}:F_m])$',
              LIGHT[2], 13)  # fmt: skip
        arrow(axes, (572, 190), (636, y))
        arrow(axes, (832, y), (888, 190))
    axes.text(54, 252, '⋮', ha='center', va='center', fontsize=20)
    axes.text(311, 252, '⋮', ha='center', va='center', fontsize=20)
    axes.text(735, 252, '⋮', ha='center', va='center', fontsize=20)
    stage(axes, 450, 152, 120, 76, r'$F_m=\frac{\sum\mu_i F_i}{\sum\mu_i}$', LIGHT[1], 15)
    stage(axes, 892, 152, 170, 76, r'$P=\frac{\sum\mu_i\nu_i[F_i:F_m]}{\sum\mu_i\nu_i}$',
          LIGHT[2], 15)  # fmt: skip
    arrow(axes, (977, 230), (977, 286))
    stage(axes, 912, 290, 130, 44, 'linear classifier', LIGHT[3])
    axes.text(977, 352, 'expression', ha='center', va='top', fontsize=12)
    for x, text in (
        (311, 'self-attention: a region alone'),
        (735, 'relation-attention: beside $F_m$'),
    ):
        axes.text(x, 20, text, ha='center', va='center', fontsize=12, color='#444444')
    loss = r'region biased loss in training:  $\max(0,\ \alpha-(\max_{i\geq 1}\mu_i-\mu_0))$'
    axes.text(480, 405, loss, ha='center', va='center', fontsize=13)
    return to_image(figure)


def cut(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a box out and bring it to the size of the image."""
    x1, y1, x2, y2 = np.rint(box).astype(int)
    return cv2.resize(image[y1:y2, x1:x2], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def plane(figure: Figure, width: int, height: int) -> Axes:
    """Axes over the whole figure that count pixels from the upper left corner."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis('off')
    return axes


def place(figure: Figure, image: np.ndarray, left: int, top: int, side: int) -> Axes:
    """Put an image at a place in pixels."""
    width, height = figure.get_size_inches() * figure.dpi
    box = left / width, 1 - (top + side) / height, side / width, side / height
    axes = figure.add_axes(box)
    show(axes, image)
    return axes


def stage(
    axes: Axes, x: float, y: float, w: float, h: float, text: str, colour: str, size: float = 11.5
) -> None:
    """A box with text."""
    style = dict(boxstyle='round,pad=0,rounding_size=6', facecolor=colour, edgecolor='#444444')
    axes.add_patch(FancyBboxPatch((x, y), w, h, linewidth=1, **style))
    axes.text(x + w / 2, y + h / 2, text, ha='center', va='center', fontsize=size)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow."""
    style = dict(arrowstyle='-|>', mutation_scale=13, color='#444444', linewidth=1.3)
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))


FIGURES: dict[str, Callable[[], np.ndarray]] = {
    'regions': draw_regions,
    'missing_landmarks': draw_missing,
    'synthfer': draw_sheet,
    'data_flow': draw_data_flow,
    'attentions': draw_attentions,
}


def write(path: Path, picture: np.ndarray) -> None:
    """Write a PNG of 256 colours, small enough for a repository."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
        path, optimize=True
    )
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f'{path} has {path.stat().st_size} bytes, expected at most {MAX_BYTES}.')


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description='Draw the figures of the documentation')
    parser.add_argument('out', nargs='?', type=Path, default=Path('docs/images'))
    args = parser.parse_args()
    for name, function in FIGURES.items():
        path = args.out / f'{name}.png'
        write(path, function())
        print(f'{path}: {path.stat().st_size / 1000:.0f} kB')


if __name__ == '__main__':
    main()
