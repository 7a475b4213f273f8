"""The regions of one face, coloured by their attention weights, and the class probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from ranfer.visualization.figure import (
    BLUE,
    GREY,
    ORANGE,
    WEIGHT_COLOURS,
    clean_axes,
    new_figure,
    plain,
    text_colour,
    to_image,
)

_WIDTH, _FACE, _CELL = 960, 440, (160, 226)
_CROPS_A_ROW, _CROP = 6, 140
_NAMES, _GAP = 170, 26
"""Pixels between face and bars for the class names, and how many of them stay white."""


def draw_attention(
    face: np.ndarray,
    regions: np.ndarray,
    self_weights: np.ndarray,
    relation_weights: np.ndarray,
    region_weights: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    region_mask: np.ndarray | None = None,
    label: int | None = None,
    title: str = '',
) -> np.ndarray:
    """Draw the face with its region boxes, the probabilities, and a strip of crops.

    The highest final weight of the face is red and the lowest blue, as in the figures of the paper.
    Regions are numbered from 0, the whole face; those that do not exist are left out.

    Args:
        face: RGB image, uint8, ``(H, W, 3)``.
        regions: Boxes in pixels of ``face``, xyxy, ``(R, 4)``.
        self_weights: mu in [0, 1], ``(R,)``.
        relation_weights: nu in [0, 1], ``(R,)``.
        region_weights: Final weights that sum to 1, ``(R,)``.
        scores: Class probabilities, ``(C,)``.
        classes: ``C`` class names.
        region_mask: True where a region exists, ``(R,)`` bool. Defaults to all.
        label: True class, marked in the bars. Defaults to none.
        title: Line above the picture. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8, 960 pixels wide.

    Raises:
        ValueError: If the arrays do not fit together.

    Example:
        >>> picture = draw_attention(
        ...     face, sample.regions, sample.self_weights, sample.relation_weights,
        ...     sample.region_weights, sample.pred_score, classes)
    """
    mu, nu, final = (np.asarray(w) for w in (self_weights, relation_weights, region_weights))
    mask = np.ones(len(regions), bool) if region_mask is None else np.asarray(region_mask, bool)
    if not len(regions) == len(mu) == len(nu) == len(final) == len(mask):
        raise ValueError(
            f'draw_attention got {len(regions)} regions, {len(mu)} mu, {len(nu)} nu, {len(final)} '
            f'final weights and a mask of {len(mask)}; they must be as many.'
        )
    if len(scores) != len(classes):
        raise ValueError(
            f'draw_attention got {len(scores)} scores for {len(classes)} classes; they must be as '
            f'many.'
        )
    shown = np.flatnonzero(mask)
    colours = weight_colours(final[shown])
    lines = -(-len(shown) // _CROPS_A_ROW)
    top = 34 if title else 10
    height = top + _FACE + lines * _CELL[1] + 6
    figure = new_figure(_WIDTH, height, layout=None)
    if title:
        figure.text(0.5, 1 - 10 / height, plain(title), ha='center', va='top', fontsize=12)
    axes = _pixel_axes(figure, 10, top, _FACE, _FACE)
    _draw_boxes(axes, face, regions[shown], final[shown], colours, shown)
    bars = _pixel_axes(figure, _FACE + _NAMES, top + 30, _WIDTH - _FACE - _NAMES - 70, _FACE - 75)
    draw_probabilities(bars, np.asarray(scores), classes, label)
    for place, (index, colour) in enumerate(zip(shown, colours)):
        row, column = divmod(place, _CROPS_A_ROW)
        left, upper = column * _CELL[0] + 10, top + _FACE + row * _CELL[1] + 32
        axes = _pixel_axes(figure, left, upper, _CROP, _CROP)
        _draw_crop(axes, face, regions[index], colour)
        axes.set_title('0  whole face' if index == 0 else str(index), fontsize=11, pad=5)
        _draw_weights(axes, mu[index], nu[index], final[index], colour)
    return to_image(figure)


def weight_colours(weights: np.ndarray) -> np.ndarray:
    """RGBA of weights ``(k,)``: the lowest blue, the highest red, yellow if all are the same.

    Weights count as the same if they differ by less than 0.001, the last digit shown.

    Returns:
        np.ndarray: ``(k, 4)`` float in [0, 1].
    """
    low, high = weights.min(), weights.max()
    if high - low < 1e-3:
        return WEIGHT_COLOURS(np.full(len(weights), 0.5))
    return WEIGHT_COLOURS(Normalize(low, high)(weights))


def draw_probabilities(
    axes: Axes, scores: np.ndarray, classes: Sequence[str], label: int | None = None
) -> None:
    """Draw horizontal bars of class probabilities; the predicted one stands out.

    A class name with more than the room for it in :func:`draw_attention` is shortened.

    Args:
        axes: Where to draw.
        scores: ``(C,)`` in [0, 1].
        classes: ``C`` class names.
        label: True class, marked in its name. Defaults to none.
    """
    best = int(scores.argmax())
    colours = [ORANGE if i == best else BLUE for i in range(len(scores))]
    axes.barh(range(len(scores)), scores, color=colours, height=0.66)
    for i, score in enumerate(scores):
        axes.text(score + 0.015, i, f'{100 * score:.1f} %', va='center', fontsize=11)
    names = [
        _shorten(axes, name, ' (true)' if i == label else '', 'bold' if i == best else 'normal')
        for i, name in enumerate(classes)
    ]
    axes.set_yticks(range(len(scores)), names, fontsize=11)
    axes.get_yticklabels()[best].set_fontweight('bold')
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 5), ['0', '25', '50', '75', '100 %'], fontsize=10)
    axes.tick_params(axis='x', colors=GREY)
    axes.invert_yaxis()
    axes.set_title('probability', fontsize=12, pad=8)
    clean_axes(axes)


def _shorten(axes: Axes, name: str, suffix: str, weight: str) -> str:
    """Put a name and its suffix together, with an ellipsis where they are too wide otherwise."""
    scratch = axes.text(0, 0, '', fontsize=11, fontweight=weight)
    shorter = (f'{name[:length]}…' for length in range(min(len(name), _NAMES) - 1, 0, -1))
    for shown in (name, *shorter):
        scratch.set_text(plain(shown + suffix))
        if scratch.get_window_extent().width <= _NAMES - _GAP:
            break
    scratch.remove()
    return scratch.get_text()


def _pixel_axes(figure: Figure, left: int, top: int, width: int, height: int) -> Axes:
    """Axes at a place in pixels from the upper left corner."""
    full_width, full_height = figure.get_size_inches() * figure.dpi
    return figure.add_axes(
        (
            left / full_width,
            1 - (top + height) / full_height,
            width / full_width,
            height / full_height,
        )
    )


def _show(axes: Axes, image: np.ndarray) -> None:
    """Show an image that fills the axes, without ticks."""
    axes.imshow(image, extent=(0, image.shape[1], image.shape[0], 0), interpolation='bilinear')
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_boxes(
    axes: Axes,
    face: np.ndarray,
    boxes: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
    numbers: np.ndarray,
) -> None:
    """Boxes on the face, the highest weight on top, each with its number and weight."""
    height, width = face.shape[:2]
    _show(axes, face)
    axes.spines[:].set_visible(False)
    scale = max(height, width) / _FACE
    edge = 3 * scale
    places = place_labels(boxes, (92 * scale, 21 * scale), 5 * scale)
    outline = [Stroke(linewidth=5, foreground='black'), Normal()]
    for i in np.argsort(weights, kind='stable'):
        x1, y1, x2, y2 = boxes[i] + np.array([edge, edge, -edge, -edge])
        axes.add_patch(
            Rectangle(
                (x1, y1),
                max(x2 - x1, edge),
                max(y2 - y1, edge),
                fill=False,
                edgecolor=colours[i],
                linewidth=3,
                path_effects=outline,
            )
        )
    for i in np.argsort(weights, kind='stable'):
        axes.text(
            *places[i],
            f'{numbers[i]}: {weights[i]:.3f}',
            ha='center',
            va='center',
            fontsize=10.5,
            color=text_colour(colours[i]),
            bbox=dict(boxstyle='square,pad=0.25', facecolor=colours[i], edgecolor='black'),
        )


def place_labels(boxes: np.ndarray, size: tuple[float, float], margin: float) -> np.ndarray:
    """Find a place for the label of every box inside its border, away from the others.

    Smaller boxes choose first. Candidates run along the upper and lower border; the one that
    overlaps the labels placed so far least is taken.

    Args:
        boxes: xyxy, ``(k, 4)``.
        size: Width and height of a label.
        margin: Distance from the border.

    Returns:
        np.ndarray: Centres, ``(k, 2)``.
    """
    half = np.array(size) / 2
    places = np.zeros((len(boxes), 2))
    taken: list[np.ndarray] = []
    sides = boxes[:, 2:] - boxes[:, :2]
    for i in np.argsort(sides.prod(axis=1), kind='stable'):
        low, high = boxes[i, :2] + half + margin, boxes[i, 2:] - half - margin
        low, high = np.minimum(low, (low + high) / 2), np.maximum(high, (low + high) / 2)
        steps = [(x, y) for y in (0, 1, 0.12, 0.88) for x in (0, 1, 0.5, 0.25, 0.75)]
        candidates = low + np.array(steps) * (high - low)
        overlaps = [
            sum(np.clip(2 * half - abs(point - other), 0, None).prod() for other in taken)
            for point in candidates
        ]
        places[i] = candidates[int(np.argmin(overlaps))]
        taken.append(places[i])
    return places


def _draw_crop(axes: Axes, face: np.ndarray, box: np.ndarray, colour: np.ndarray) -> None:
    height, width = face.shape[:2]
    x1, y1 = np.clip(np.floor(box[:2]).astype(int), 0, [width - 1, height - 1])
    x2, y2 = np.maximum(np.ceil(box[2:]).astype(int), [x1 + 1, y1 + 1])
    smaller = x2 - x1 > _CROP and y2 - y1 > _CROP
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    _show(axes, cv2.resize(face[y1:y2, x1:x2], (_CROP, _CROP), interpolation=way))
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=5, path_effects=[Stroke(linewidth=7), Normal()])


def _draw_weights(axes: Axes, mu: float, nu: float, weight: float, colour: np.ndarray) -> None:
    """Beneath a crop, its final weight on the colour of that weight, and what it comes from."""
    style = dict(transform=axes.transAxes, ha='center', va='top')
    box = dict(boxstyle='round,pad=0.25', facecolor=colour, edgecolor='none')
    ink = text_colour(colour)
    axes.text(0.5, -0.09, f'weight {weight:.3f}', fontsize=11, color=ink, bbox=box, **style)
    axes.text(0.5, -0.25, f'μ {mu:.3f}   ν {nu:.3f}', fontsize=10, **style)
