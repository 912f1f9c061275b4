"""The paint box: noise, masks, shadows and blending, all on small tiles in float32.

A tile is a window of the page. Recipes touch only the window that they change, which keeps a page under 100 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagefaulty.training.faults.drawn import Field, Pixels


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels, ``left <= x < right`` and ``top <= y < bottom``."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return max(0, self.bottom - self.top), max(0, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this window in an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grid(self) -> tuple[Field, Field]:
        """Coordinates x and y, each float32 of the window's shape, in page pixels."""
        x = np.arange(self.left, self.right, dtype=np.float32)
        y = np.arange(self.top, self.bottom, dtype=np.float32)
        return np.broadcast_to(x, self.shape), np.broadcast_to(y[:, None], self.shape)


def window_around(points: NDArray[np.floating], shape: tuple[int, ...], pad: int = 0) -> Window:
    """Return the window around ``points`` (n, 2 as x, y) with ``pad`` px to spare, cut to the page's ``shape``."""
    low, high = points.min(axis=0) - pad, points.max(axis=0) + pad
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(shape[1], int(high[0]) + 1), min(shape[0], int(high[1]) + 1)
    return Window(left, top, max(left + 1, right), max(top + 1, bottom))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a float between ``low`` and ``high``."""
    return float(rng.uniform(low, high))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with the given probability."""
    return bool(rng.random() < probability)


def wavy(length: int, rng: np.random.Generator, *, period: float, octaves: int = 4, roughness: float = 0.55) -> Field:
    """Return fractal noise along a line: float32 (length,), about -1..1, longest wave of ``period`` samples."""
    total = np.zeros(length, np.float32)
    weight, norm = 1.0, 0.0
    at = np.arange(length, dtype=np.float32)
    for _ in range(octaves):
        knots = rng.uniform(-1, 1, int(length / period) + 3)
        total += weight * np.interp(at / period, np.arange(len(knots)), knots).astype(np.float32)
        norm += weight
        weight *= roughness
        period = max(1.0, period / 2.1)
    return total / np.float32(norm)


def clouds(shape: tuple[int, int], rng: np.random.Generator, *, period: float, octaves: int = 3) -> Field:
    """Return smooth fractal noise: float32 of ``shape``, about -1..1, largest blobs of ``period`` px."""
    total = np.zeros(shape, np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        rows, columns = int(shape[0] / period) + 2, int(shape[1] / period) + 2
        knots = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        total += np.float32(weight) * cv2.resize(knots, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        norm += weight
        weight *= 0.5
        period = max(2.0, period / 2.2)
    return total / np.float32(norm)


def grain(shape: tuple[int, int], rng: np.random.Generator, sigma: float) -> Field:
    """Return grey noise of standard deviation ``sigma`` levels, slightly soft as a scanner's is."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (3, 3), 0.55) * np.float32(sigma * 1.7), np.float32)


def soften(mask: Field, sigma: float) -> Field:
    """Return the mask blurred by ``sigma`` px."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.3, sigma), borderType=cv2.BORDER_REPLICATE), np.float32)


def over(base: Field, layer: Field | tuple[float, float, float], alpha: Field) -> Field:
    """Lay ``layer`` over ``base``: float32 (h, w, 3), ``alpha`` (h, w) in 0..1."""
    colour = np.asarray(layer, np.float32)
    return np.asarray(base + (colour - base) * alpha[..., None], np.float32)


def ink(base: Field, alpha: Field, colour: tuple[float, float, float]) -> Field:
    """Let ink of ``colour`` soak into ``base``: it multiplies, so that paper texture shows through."""
    tint = np.asarray(colour, np.float32) / np.float32(255)
    return np.asarray(base * (1 - alpha[..., None] * (1 - tint)), np.float32)


def fraction(levels: Pixels) -> Field:
    """Return a uint8 mask as float32 in 0..1."""
    return np.asarray(levels, np.float32) / np.float32(255)


def to_pixels(tile: Field) -> Pixels:
    """Round a float tile to uint8."""
    return np.clip(tile + np.float32(0.5), 0, 255).astype(np.uint8)


def put(layer: Field, patch: Field, top: float, left: float) -> None:
    """Add a patch to a layer, cut to it."""
    top, left = max(0, int(top)), max(0, int(left))
    rows, columns = min(patch.shape[0], layer.shape[0] - top), min(patch.shape[1], layer.shape[1] - left)
    if rows > 0 and columns > 0:
        place = (slice(top, top + rows), slice(left, left + columns))
        layer[place] = np.maximum(layer[place], patch[:rows, :columns])


def shift(mask: Field, dx: float, dy: float) -> Field:
    """Return the mask moved by ``(dx, dy)`` px, empty where nothing moved in."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(mask, matrix, (mask.shape[1], mask.shape[0])), np.float32)


def luminance(tile: NDArray[np.generic]) -> Field:
    """Return the brightness of an RGB tile: float32 (h, w), 0..255."""
    return np.asarray(tile, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
