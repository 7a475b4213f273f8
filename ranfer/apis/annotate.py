"""Faces, expressions and tracks drawn over an image or video frame."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from ranfer.apis.results import Face, Result

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: np.ndarray, result: Result) -> np.ndarray:
    """Draw boxes with expression, probability and track.

    Args:
        image: BGR, uint8, ``(H, W, 3)``; stays as it is.
        result: Faces of the image.

    Returns:
        np.ndarray: BGR, uint8, ``(H, W, 3)``.
    """
    canvas = image.copy()
    unit = max(max(image.shape[:2]) / 900, 0.4)
    for face in result.faces:
        _draw_face(canvas, face, unit)
    return canvas


def _draw_face(canvas: np.ndarray, face: Face, unit: float) -> None:
    height, width = canvas.shape[:2]
    colour = track_colour(face.track or 0)
    x1, y1, x2, y2 = (round(x) for x in face.box)
    thick = max(round(3 * unit), 1)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), (0, 0, 0), thick + 2)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, thick)
    text = f'{face.label} {100 * face.probability:.0f}%'
    if face.track is not None:
        text = f'{face.track}: {text}'
    scale, weight = 0.75 * unit, max(round(1.6 * unit), 1)
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, scale, weight)
    pad = max(round(4 * unit), 1)
    box_height = text_height + base + 2 * pad
    left = int(np.clip(x1, 0, max(width - text_width - 2 * pad, 0)))
    top = y1 - box_height if y1 >= box_height else min(max(y1, 0), max(height - box_height, 0))
    corner = left + text_width + 2 * pad, top + box_height
    cv2.rectangle(canvas, (left, top), corner, colour, -1)
    place = left + pad, top + pad + text_height
    cv2.putText(canvas, text, place, _FONT, scale, (0, 0, 0), weight, cv2.LINE_AA)


def track_colour(number: int) -> tuple[int, int, int]:
    """A light BGR colour for a track; black text reads on every one of them."""
    hue = (0.13 + 0.381966 * number) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.45, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)
