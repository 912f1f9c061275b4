"""Things that hold papers: adhesive tape, paper clips, staples. They are no faults by themselves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    fraction,
    over,
    shift,
    soften,
    to_pixels,
    uniform,
    window_around,
)
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.sheet import Sheet, matched

Box = tuple[int, int, int, int]


def _painted(
    sheet: Sheet, points: Field, rng: np.random.Generator, *, layer: tuple[float, float, float], opacity: float
) -> Sheet:
    """Fill a polygon with a translucent, slightly uneven layer."""
    window = window_around(points, sheet.pixels.shape, 4)
    mask = np.zeros(window.shape, np.uint8)
    local = np.round((points - (window.left, window.top)) * 8).astype(np.int32)
    cv2.fillPoly(mask, [local], 255, cv2.LINE_AA, 3)
    alpha = fraction(mask)
    tile = sheet.pixels[window.slices].astype(np.float32)
    rim = np.clip(soften(alpha, 1.2) * 2, 0, 1) * (1 - soften(alpha, 1.2)) * 2 * (alpha > 0)
    uneven = 1 + 0.25 * clouds(window.shape, rng, period=22)
    tile = over(tile, layer, np.asarray(np.clip(alpha * opacity * uneven, 0, 1), np.float32))
    tile = tile * (1 - 0.12 * rim)[..., None]
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(np.asarray(tile, np.float32))
    whole = np.zeros(sheet.cover.shape, np.float32)
    whole[window.slices] = alpha
    return replace(sheet, pixels=matched(sheet, pixels, whole, rng))


def tape(
    sheet: Sheet, middle: tuple[float, float], rng: np.random.Generator, *, size: tuple[float, float], degrees: float
) -> Sheet:
    """Stick a strip of clear or yellowed tape, ``size`` (length, width) px, on the sheet."""
    length, wide = size
    angle = np.deg2rad(degrees)
    along, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    ends = []
    for sign in (-1, 1):  # torn off a saw-toothed dispenser
        teeth = np.linspace(-wide / 2, wide / 2, 7)
        row = [middle + sign * along * (length / 2 + (1.2 if n % 2 else -1.2)) + side * t for n, t in enumerate(teeth)]
        ends.append(row if sign < 0 else row[::-1])
    points = np.array(ends[0] + ends[1], np.float32)
    aged = chance(rng, 0.55)
    layer = (198.0, 172.0, 118.0) if aged else (226.0, 224.0, 214.0)
    opacity = uniform(rng, 0.25, 0.6) if aged else uniform(rng, 0.12, 0.35)
    return _painted(sheet, points, rng, layer=layer, opacity=opacity)


def tape_over(sheet: Sheet, box: Box, rng: np.random.Generator) -> Sheet:
    """Tape a slip down at one to four places of its outline ``box`` (left, top, right, bottom in px)."""
    left, top, right, bottom = box
    places = [
        (left, top, 45),
        (right, top, -45),
        (right, bottom, 45),
        (left, bottom, -45),
        ((left + right) // 2, top, 90),
    ]
    rng.shuffle(places)
    wide = uniform(rng, 0.04, 0.075) * min(sheet.size)
    for x, y, degrees in places[: int(rng.integers(1, 5))]:
        turn = float(rng.normal(-degrees, 8))
        sheet = tape(sheet, (float(x), float(y)), rng, size=(wide * uniform(rng, 1.8, 3.2), wide), degrees=turn)
    return sheet


def clip_over(sheet: Sheet, box: Box, rng: np.random.Generator) -> Sheet:
    """Push a paper clip over the top edge of ``box`` (left, top, right, bottom in px)."""
    left, top, right, _ = box
    return paper_clip(sheet, (uniform(rng, left, right), float(top)), uniform(rng, -12, 12), rng)


def paper_clip(sheet: Sheet, at: tuple[float, float], degrees: float, rng: np.random.Generator) -> Sheet:
    """Draw a wire paper clip hanging down from ``at``."""
    scale = min(sheet.size) * uniform(rng, 0.035, 0.05)
    turns = np.array([[0.25, 1.2], [0.25, -0.4], [0, -0.65], [-0.25, -0.4], [-0.25, 1.6], [0, 1.85], [0.42, 1.6],
                      [0.42, -0.7], [0.1, -1.05], [-0.1, -1.05], [-0.42, -0.7], [-0.42, 1.2]], np.float32)  # fmt: skip
    angle = np.deg2rad(degrees)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    points = (turns * scale) @ spin.T + np.array(at, np.float32)
    window = window_around(points, sheet.pixels.shape, 12)
    wire = np.zeros(window.shape, np.uint8)
    local = np.round((points - (window.left, window.top)) * 8).astype(np.int32)
    cv2.polylines(wire, [local], False, 255, max(1, int(scale / 11)), cv2.LINE_AA, 3)
    alpha = fraction(wire)
    tile = sheet.pixels[window.slices].astype(np.float32)
    tile = tile * (1 - 0.35 * soften(shift(alpha, 2, 2), 1.2))[..., None]
    metal = (150.0, 150.0, 155.0) if chance(rng, 0.7) else (96.0, 74.0, 58.0)
    tile = over(np.asarray(tile, np.float32), metal, alpha)
    shine = np.asarray(soften(shift(alpha, -0.8, -0.8), 0.5) * alpha * 0.5, np.float32)
    tile = over(tile, (225.0, 225.0, 228.0), shine)
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(tile)
    whole = np.zeros(sheet.cover.shape, np.float32)
    whole[window.slices] = alpha
    return replace(sheet, pixels=matched(sheet, pixels, whole, rng))
