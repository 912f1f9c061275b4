"""Harmless things on deeds and letters: blank space that is struck out, wax seals, cords."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imagefaulty.training.faults.compositing import Window, chance, clouds, over, shift, soften, uniform
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.handwriting import pen
from imagefaulty.training.faults.marks import emptiest, inked, repaint, somewhere
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet

_Path = tuple[tuple[float, float], ...]

#: How space is struck out, as paths across it.
_STRIKES: Final[Mapping[str, Sequence[_Path]]] = {
    "cross": (((0, 0), (1, 1)), ((1, 0), (0, 1))),
    "zigzag": (((0, 0), (1, 0.03), (0, 0.97), (1, 1)),),
    "diagonal": (((1, 0), (0, 1)),),
    "brace": (((0.1, 0), (0.0, 0.06), (0.0, 0.94), (0.1, 1)),),
}
_FRAME: Final[_Path] = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
_WAX: Final = ((150.0, 34.0, 30.0), (112.0, 22.0, 22.0), (74.0, 30.0, 24.0), (40.0, 34.0, 34.0), (44.0, 70.0, 48.0))
_CORD: Final = ((168.0, 44.0, 44.0), (60.0, 110.0, 70.0), (214.0, 204.0, 180.0), (60.0, 70.0, 130.0))


def struck_out(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Strike blank space out with the pen: crossed lines, a zigzag or a brace, so that nothing can be added there."""
    del materials
    wide, high = uniform(rng, 0.2, 0.95), uniform(rng, 0.12, 0.7)
    size = (int(sheet.size[1] * high), int(sheet.size[0] * wide))
    window = emptiest(sheet, size, rng) if chance(rng, 0.75) else somewhere(sheet, size, rng, low=0.3, high=0.7)
    rows, columns = window.shape
    kind = str(rng.choice(list(_STRIKES), p=(0.45, 0.25, 0.2, 0.1)))
    paths = list(_STRIKES[kind])
    if kind == "cross" and chance(rng, 0.6):
        paths.append(_FRAME)
    alpha = np.zeros((rows, columns), np.float32)
    thick = int(rng.choice((1, 2, 3), p=(0.55, 0.35, 0.1)))
    for path in paths:
        points = np.array(path) * (columns - 7, rows - 7) + 3 + rng.normal(0, 2, (len(path), 2))
        cv2.polylines(alpha, [_trembling(points, rng)], False, 1.0, thick, cv2.LINE_AA)
    _, colour, opacity = pen(rng)
    sheet = inked(sheet, np.asarray(alpha * opacity, np.float32), window, colour, rng)
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), kind)


def _trembling(points: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.int32]:
    """Lead a line through the points as a hand does, int32 (n, 2)."""
    legs = []
    for start, end in itertools.pairwise(points):
        along = np.linspace(0, 1, 24)[:, None]
        stray = np.cumsum(rng.normal(0, 0.5, (24, 2)), axis=0)
        legs.append(start + (end - start) * along + stray - along * stray[-1])
    return np.round(np.concatenate(legs)).astype(np.int32)


def sealed(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Seal the sheet with wax, tie a cord through it, or both."""
    del materials
    kind = str(rng.choice(("wax", "cord", "wax and cord"), p=(0.5, 0.3, 0.2)))
    if "cord" in kind:
        sheet = _cord(sheet, rng)
    if "wax" in kind:
        for _ in range(1 if chance(rng, 0.75) else 2):
            sheet = _wax(sheet, rng)
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), kind)


def _wax(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Drop wax on the sheet and press a seal into it."""
    radius = int(sheet.size[0] * uniform(rng, 0.025, 0.09))
    side = 4 * radius + 16
    window = somewhere(sheet, (side, side), rng, low=0.1, high=0.9)
    rows, columns = window.shape
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    ys, xs = ys - rows / 2, (xs - columns / 2) / np.float32(uniform(rng, 0.75, 1.25))
    turn, far = np.arctan2(ys, xs), np.hypot(xs, ys) / radius
    waves = sum(uniform(rng, 0, 0.1) * np.sin(n * turn + uniform(rng, 0, 6.3)) for n in (2, 3, 5, 9))
    blob = soften((far < 1 + waves).astype(np.float32), 0.8)
    relief = np.cos(np.clip(far, 0, 1) * np.pi) * 0.3 - soften((far < uniform(rng, 0.5, 0.8)).astype(np.float32), 1.5)
    relief += clouds((rows, columns), rng, period=max(6.0, radius / 2)) * np.float32(0.8)
    light = cv2.Sobel(np.asarray(relief, np.float32), cv2.CV_32F, 1, 1, ksize=3) * np.float32(radius / 3)
    wax = np.array(_WAX[int(rng.integers(len(_WAX)))], np.float32)
    face = wax * (1 + 0.5 * np.clip(light, -0.8, 1.2))[..., None]
    base = sheet.pixels[window.slices].astype(np.float32)
    shade = soften(shift(blob, radius * 0.08 + 1, radius * 0.08 + 1), max(1.0, radius * 0.06))
    tile = over(np.asarray(base * (1 - 0.4 * shade)[..., None], np.float32), np.asarray(face, np.float32), blob)
    return repaint(sheet, window, tile, rng, np.maximum(blob, shade))


def _cord(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Lead a cord in and out of the sheet, along or across it, knotted at times."""
    across = chance(rng, 0.6)
    long, middle = uniform(rng, 0.25, 0.95), uniform(rng, 0.06, 0.94)
    start = uniform(rng, 0.02, 1 - long)
    ends = [(start, middle), (start + long, middle)]
    (x0, y0), (x1, y1) = (sheet.point(*(end if across else end[::-1])) for end in ends)
    points = _trembling(np.array([(x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x1, y1)]), rng)
    rows, columns = sheet.pixels.shape[:2]
    alpha = np.zeros((rows, columns), np.float32)
    thick = int(rng.integers(2, 5))
    cv2.polylines(alpha, [points], False, 1.0, thick, cv2.LINE_AA)
    if chance(rng, 0.4):
        knot = tuple(points[len(points) // 2].tolist())
        cv2.circle(alpha, knot, 2 * thick, 1.0, -1, cv2.LINE_AA)
    alpha = np.asarray(alpha * sheet.cover, np.float32)
    whole = Window(0, 0, columns, rows)
    shade = soften(shift(alpha, 1.5, 1.5), 1.0)
    base = np.asarray(sheet.pixels * (1 - 0.35 * shade)[..., None], np.float32)
    colour = np.array(_CORD[int(rng.integers(len(_CORD)))], np.float32) * np.float32(uniform(rng, 0.8, 1.1))
    ys, xs = np.indices((rows, columns), np.float32)
    face = np.asarray(colour * (1 + 0.25 * np.sin((ys + xs) * np.float32(1.6)))[..., None], np.float32)
    return repaint(sheet, whole, over(base, face, alpha), rng, np.maximum(alpha, shade))
