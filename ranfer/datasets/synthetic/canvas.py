"""Anti-aliased drawing in real coordinates: a thin layer over OpenCV's fixed-point drawing."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

SHIFT, ONE = 4, 16
"""Bits behind the point of OpenCV's fixed-point pixels, and one pixel in them."""

Colour = np.ndarray | tuple[float, ...] | float
"""Of three channels, or a grey level."""


def bgr(colour: Colour) -> list[float] | tuple[float, ...]:
    """A colour in the form that OpenCV draws with."""
    if isinstance(colour, np.ndarray):
        return colour.tolist()
    return colour if isinstance(colour, tuple) else (colour, colour, colour)


class Canvas:
    """An image with a linear map from drawing coordinates to its pixels.

    Args:
        image: Drawn into in place, uint8 ``(H, W)`` or ``(H, W, 3)``.
        scale: Pixels a unit.
        origin: Pixel of the coordinate origin, (2,).
    """

    def __init__(
        self, image: np.ndarray, scale: float = 1.0, origin: ArrayLike = (0.0, 0.0)
    ) -> None:
        self.image = image
        self.scale = scale
        self.origin = np.asarray(origin, float)
        self._offset = self.origin * ONE + 0.5

    def pixels(self, points: ArrayLike) -> np.ndarray:
        """Fixed-point pixels of points ``(N, 2)``, int32."""
        return (np.asarray(points) * (self.scale * ONE) + self._offset).astype(np.int32)

    def fill(self, points: ArrayLike, colour: Colour) -> None:
        """Fill a closed outline ``(N, 2)``."""
        cv2.fillPoly(self.image, [self.pixels(points)], bgr(colour), cv2.LINE_AA, SHIFT)

    def line(self, points: ArrayLike, colour: Colour, width: float) -> None:
        """Draw an open curve ``(N, 2)``, or several ``(M, N, 2)``, at least one pixel wide."""
        thick = max(1, round(width * self.scale))
        pixels = self.pixels(points)
        curves = [pixels] if pixels.ndim == 2 else list(pixels)
        cv2.polylines(self.image, curves, False, bgr(colour), thick, cv2.LINE_AA, SHIFT)

    def disc(self, centre: ArrayLike, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        x, y = self.pixels(centre).tolist()
        reach = max(1, round(radius * self.scale * ONE))
        cv2.circle(self.image, (x, y), reach, bgr(colour), -1, cv2.LINE_AA, SHIFT)

    def crop(self, points: np.ndarray, margin: float = 0.0) -> 'Canvas':
        """A view of the part around points; drawing coordinates stay the same."""
        low = np.floor((points.min(0) - margin) * self.scale + self.origin).astype(int) - 1
        high = np.ceil((points.max(0) + margin) * self.scale + self.origin).astype(int) + 2
        height, width = self.image.shape[:2]
        x1, x2 = (min(max(int(x), 0), width) for x in (low[0], high[0]))
        y1, y2 = (min(max(int(y), 0), height) for y in (low[1], high[1]))
        return Canvas(self.image[y1:y2, x1:x2], self.scale, self.origin - (x1, y1))

    def copy(self) -> 'Canvas':
        """The same map over a copy of the pixels."""
        return Canvas(self.image.copy(), self.scale, self.origin)

    def mask(self, points: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Filled outline as float32 ``(H, W, 3)``, 0 to 1, blurred by a deviation in units."""
        shape = np.zeros(self.image.shape[:2], np.uint8)
        Canvas(shape, self.scale, self.origin).fill(points, 255)
        if blur:
            shape = cv2.GaussianBlur(shape, (0, 0), max(blur * self.scale, 0.3))
        return spread(shape.astype(np.float32) * np.float32(1 / 255))

    def blend(self, colour: np.ndarray, mask: np.ndarray) -> None:
        """Mix a colour or image into the canvas by a mask ``(H, W, 3)``."""
        mixed = self.image + (colour - self.image.astype(np.float32)) * mask
        self.image[:] = mixed + 0.5


def spread(plane: np.ndarray) -> np.ndarray:
    """Repeat a plane ``(H, W)`` over three channels."""
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)


def ellipse(centre: ArrayLike, radii: ArrayLike, samples: int = 20) -> np.ndarray:
    """Outline ``(samples, 2)`` of an upright ellipse."""
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return np.asarray(centre) + np.stack([np.cos(angle), np.sin(angle)], 1) * radii
