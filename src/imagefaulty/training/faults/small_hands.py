"""The small things that a hand leaves on a typed page: ticks, crosses, rings, initials, numbers, filled-in stamps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.additions import Addition, Patch, at, limited
from imagefaulty.training.faults.compositing import Window, chance, fraction, luminance, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.handwriting import handwriting, pen, turned
from imagefaulty.training.faults.marks import emptiest, somewhere, stamp_mask
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.stand_ins import figures, words


def _curve(points: np.ndarray, shape: tuple[int, int], thick: float) -> Field:
    """Draw a smooth stroke through ``points`` (n, 2), drawn large and shrunk so that it is thin and even."""
    scale = 4
    t = np.linspace(0, 1, len(points))
    fine = np.linspace(0, 1, 40)
    path = np.stack([np.interp(fine, t, points[:, 0]), np.interp(fine, t, points[:, 1])], axis=1)
    path = np.stack([np.convolve(np.pad(path[:, i], 3, mode="edge"), np.ones(7) / 7, "valid") for i in (0, 1)], axis=1)
    big = np.zeros((shape[0] * scale, shape[1] * scale), np.uint8)
    cv2.polylines(big, [(path * scale).astype(np.int32)], False, 255, max(2, round(thick * scale)), cv2.LINE_AA)
    small = cv2.resize(big, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.clip(fraction(np.asarray(small, np.uint8)) * 1.15, 0, 1).astype(np.float32)


def _margin(sheet: Sheet, alpha: Field, rng: np.random.Generator) -> Window:
    """Choose a place: mostly in a margin or between the lines, else anywhere."""
    if chance(rng, 0.55):
        u = uniform(rng, 0.03, 0.13) if chance(rng, 0.6) else uniform(rng, 0.86, 0.97)
        return at(sheet, alpha, u, uniform(rng, 0.08, 0.94))
    return emptiest(sheet, alpha.shape, rng, tries=3) if chance(rng, 0.5) else somewhere(sheet, alpha.shape, rng)


def _text(sheet: Sheet, materials: Materials, rng: np.random.Generator, *, width: float, height: float) -> Field:
    """Return a little handwriting, lifted, or now and then spelt letter by letter as a plain program would."""
    if chance(rng, 0.15):
        shown = words(rng, 1 if width < 0.12 else 2)
        return figures(rng, shown[: 4 if width < 0.08 else 14], sheet.size[1] * uniform(rng, 0.014, 0.03))
    return handwriting(materials, rng, width=width, height=height)


def mark(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A tick, a cross, a stroke, a bracket or an arrow, 1 to 4 % of the page's height."""
    del materials
    size = sheet.size[1] * uniform(rng, 0.011, 0.038)
    kinds = {
        "tick": [(0.1, 0.55), (0.35, 0.9), (0.95, 0.08)],
        "cross": [(0.1, 0.1), (0.9, 0.9)],
        "stroke": [(0.1, 0.9), (0.9, 0.15)],
        "bracket": [(0.8, 0.02), (0.3, 0.1), (0.25, 0.5), (0.3, 0.9), (0.8, 0.98)],
        "hook": [(0.2, 0.3), (0.5, 0.05), (0.75, 0.3), (0.5, 0.55), (0.48, 0.8)],
    }
    name = str(rng.choice(list(kinds), p=(0.42, 0.2, 0.12, 0.14, 0.12)))
    tall = size * (uniform(rng, 1.5, 4) if name == "bracket" else 1)
    wide = size * uniform(rng, 0.7, 1.3)
    shape = (int(tall) + 8, int(wide) + 8)
    spread = np.array([wide, tall])
    thick = uniform(rng, 0.9, 2.3)
    points = np.array(kinds[name]) * spread + 4 + rng.normal(0, 0.04, (len(kinds[name]), 2)) * spread
    alpha = _curve(points, shape, thick)
    if name == "cross":
        other = np.array([(0.9, 0.1), (0.1, 0.9)]) * spread + 4 + rng.normal(0, 0.05, (2, 2)) * spread
        alpha = np.maximum(alpha, _curve(other, shape, thick))
    return alpha, _margin(sheet, alpha, rng)


def circle(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A ring around a word or a number, not quite closed, with nothing beside it."""
    del materials
    tall, wide = sheet.size[1] * uniform(rng, 0.018, 0.06), sheet.size[0] * uniform(rng, 0.04, 0.22)
    turn = np.linspace(uniform(rng, -2, 2), uniform(rng, 5.6, 8.2), 26)
    drift = np.linspace(0, uniform(rng, -0.1, 0.1), 26)
    x = wide * (0.5 + (0.46 + drift) * np.cos(turn)) + 6
    y = tall * (0.5 + (0.46 + drift) * np.sin(turn + uniform(rng, -0.2, 0.2))) + 6
    shape = (int(tall) + 14, int(wide) + 14)
    alpha = _curve(np.stack([x, y], axis=1) + rng.normal(0, 0.3, (26, 2)), shape, uniform(rng, 0.9, 2.2))
    return alpha, somewhere(sheet, alpha.shape, rng, low=0.1, high=0.9)


def initials(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """Initials, a paraph or one short word, 4 to 14 % of the width."""
    text = _text(sheet, materials, rng, width=uniform(rng, 0.06, 0.13), height=0.035)
    text = limited(text, sheet, uniform(rng, 0.05, 0.15), uniform(rng, 0.018, 0.042), grow=1.5)
    text = turned(text, float(rng.normal(3, 8)))
    return text, _margin(sheet, text, rng)


def number(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A page number, a date or a file number, small, mostly in a corner."""
    del materials
    first, second = int(rng.integers(1, 400)), int(rng.integers(1, 99))
    shown = (str(first), f"{second}/{first}", f"{second}.{first % 12 + 1}.", f"{first}-{second}")[int(rng.integers(4))]
    text = figures(rng, shown, sheet.size[1] * uniform(rng, 0.011, 0.026))
    text = turned(text, float(rng.normal(0, 5)))
    if chance(rng, 0.5):
        return text, at(sheet, text, float(rng.choice((0.08, 0.5, 0.92))), float(rng.choice((0.03, 0.06, 0.95))))
    return text, _margin(sheet, text, rng)


def autograph(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A short signature at its usual place: 8 to 22 % of the width, thin."""
    text = _text(sheet, materials, rng, width=uniform(rng, 0.1, 0.2), height=0.04)
    text = limited(text, sheet, uniform(rng, 0.08, 0.22), uniform(rng, 0.02, 0.05), grow=1.6)
    if chance(rng, 0.4):  # with a flourish under it
        wide = text.shape[1]
        points = np.stack([np.linspace(2, wide - 3, 6), 6 + rng.normal(0, 2.0, 6)], axis=1)
        text = np.concatenate([text, _curve(points, (14, wide), uniform(rng, 0.8, 1.8))])
    text = turned(text, float(rng.normal(4, 5)))
    return text, at(sheet, text, uniform(rng, 0.2, 0.88), uniform(rng, 0.55, 0.95))


def few_words(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A few small words in a margin, at the head or between the lines."""
    text = _text(sheet, materials, rng, width=uniform(rng, 0.1, 0.3), height=uniform(rng, 0.03, 0.06))
    text = turned(limited(text, sheet, uniform(rng, 0.08, 0.26), 0.05, grow=1.2), float(rng.normal(0, 4)))
    return text, _margin(sheet, text, rng)


#: What is added, how often, and how many times at least and at most when it is; as ``additions.ADDITIONS``.
SMALL_ADDITIONS: Final[Mapping[str, tuple[Addition, float, int, int]]] = MappingProxyType({
    "mark": (mark, 0.17, 1, 4),
    "circle": (circle, 0.1, 1, 3),
    "initials": (initials, 0.18, 1, 2),
    "number": (number, 0.13, 1, 2),
    "autograph": (autograph, 0.22, 1, 2),
    "few words": (few_words, 0.2, 1, 3),
})  # fmt: skip


def stamp_form(sheet: Sheet, rng: np.random.Generator) -> tuple[Patch, Window]:
    """Return a rubber stamp's impression, and the window within it that a hand fills in."""
    alpha = stamp_mask(rng, int(sheet.size[0] * uniform(rng, 0.16, 0.3)))
    window = emptiest(sheet, alpha.shape, rng, tries=4)
    rows, columns = window.shape
    top, left = window.top + int(rows * uniform(rng, 0.3, 0.6)), window.left + int(columns * uniform(rng, 0.1, 0.45))
    return (alpha, window), Window(left, top, window.right, window.bottom)


def print_pen(sheet: Sheet, rng: np.random.Generator) -> tuple[str, tuple[float, float, float], float]:
    """Choose an ink: as dark as the page's print in half of the cases (always on a bilevel page), else any pen."""
    if sheet.tone.bilevel:
        return "black", (10.0, 10.0, 10.0), 1.0
    if chance(rng, 0.5):
        return pen(rng)
    dark = float(np.percentile(luminance(sheet.pixels[::4, ::4]), 1.0)) * uniform(rng, 0.9, 1.3)
    level = float(np.clip(dark, 12, 110))
    tint = rng.normal(0, 5, 3) if sheet.tone.colour else np.zeros(3)
    red, green, blue = (float(np.clip(level + value, 5, 200)) for value in tint)
    return "as the print", (red, green, blue), uniform(rng, 0.8, 1.0)
