"""What people write on a typed page: one function per kind of addition, each giving the strokes and their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import Window, chance, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.handwriting import handwriting, resized, turned
from imagefaulty.training.faults.marks import emptiest, somewhere
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.stand_ins import figures, scribble

Patch = tuple[Field, Window]
Addition = Callable[[Sheet, Materials, np.random.Generator], Patch]


def at(sheet: Sheet, alpha: Field, u: float, v: float) -> Window:
    """Return the window that centres ``alpha`` on a point of the sheet, moved inside the page."""
    x, y = sheet.point(u, v)
    rows, columns = alpha.shape
    left = int(np.clip(x - columns / 2, 1, max(2, sheet.pixels.shape[1] - columns - 1)))
    top = int(np.clip(y - rows / 2, 1, max(2, sheet.pixels.shape[0] - rows - 1)))
    return Window(left, top, min(sheet.pixels.shape[1], left + columns), min(sheet.pixels.shape[0], top + rows))


def limited(alpha: Field, sheet: Sheet, wide: float, tall: float, *, grow: float = 1.6) -> Field:
    """Scale strokes to fit in ``wide`` x ``tall`` (fractions of the sheet), growing them by at most ``grow``."""
    return resized(alpha, scale=min(grow, wide * sheet.size[0] / alpha.shape[1], tall * sheet.size[1] / alpha.shape[0]))


def margin_note(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """Some lines in the emptiest place, now and then written upwards."""
    text = handwriting(materials, rng, width=uniform(rng, 0.2, 0.45), height=uniform(rng, 0.05, 0.16))
    text = limited(text, sheet, uniform(rng, 0.14, 0.45), 0.2)
    if chance(rng, 0.14):
        text = turned(text, float(rng.choice((-90, 90))))
    text = turned(text, float(rng.normal(0, 5)))
    return text, emptiest(sheet, text.shape, rng)


def signature(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A large word or two rising in the lower part, underlined now and then."""
    text = handwriting(materials, rng, width=uniform(rng, 0.18, 0.32), height=0.055)
    text = limited(text, sheet, uniform(rng, 0.2, 0.42), 0.1, grow=2.2)
    if chance(rng, 0.35):
        text = _underlined(text, rng)
    text = turned(text, float(rng.normal(4, 6)))
    return text, at(sheet, text, uniform(rng, 0.3, 0.85), uniform(rng, 0.6, 0.93))


def _underlined(alpha: Field, rng: np.random.Generator) -> Field:
    rows = alpha.shape[0]
    out = np.pad(alpha, ((2, 10), (2, 2)))
    points = np.stack([np.linspace(4, alpha.shape[1], 9), rows + 4 + np.cumsum(rng.normal(0, 0.7, 9))], axis=1)
    cv2.polylines(out, [points.astype(np.int32)], False, 0.95, 2, cv2.LINE_AA)
    return out


def date(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A date, a file number or a word in a top corner."""
    if chance(rng, 0.6):
        shown = str(int(rng.integers(1, 32))) + str(rng.choice((".", "/", "-"))) + str(int(rng.integers(1, 1990)))
        text = figures(rng, shown, sheet.size[1] * uniform(rng, 0.016, 0.04))
    else:
        text = handwriting(materials, rng, width=0.18, height=0.04)
    text = turned(limited(text, sheet, 0.3, 0.06, grow=1.8), float(rng.normal(0, 5)))
    return text, at(sheet, text, float(rng.choice((0.15, 0.85))), uniform(rng, 0.03, 0.12))


def remark(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A large remark written across the page, over the text if need be."""
    text = handwriting(materials, rng, width=uniform(rng, 0.25, 0.5), height=uniform(rng, 0.03, 0.08))
    text = turned(limited(text, sheet, uniform(rng, 0.3, 0.8), 0.14, grow=2.6), float(rng.normal(6, 9)))
    return text, somewhere(sheet, text.shape, rng, low=0.2, high=0.8)


def paragraph(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """Many lines: a form's large field, a postscript, the answer below a printed question."""
    text = handwriting(materials, rng, width=uniform(rng, 0.45, 0.8), height=uniform(rng, 0.12, 0.32))
    text = turned(limited(text, sheet, 0.85, 0.4, grow=1.2), float(rng.normal(0, 1.5)))
    return text, emptiest(sheet, text.shape, rng)


def word(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """One or two words: a filled field, or a correction between the lines."""
    text = handwriting(materials, rng, width=uniform(rng, 0.08, 0.25), height=0.035)
    text = turned(limited(text, sheet, 0.3, 0.04, grow=1.3), float(rng.normal(0, 2)))
    return text, somewhere(sheet, text.shape, rng, low=0.15, high=0.85)


def ring(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Patch:
    """A ring drawn around something, with a word beside it so that a hand is certain."""
    del materials
    rows, columns = int(sheet.size[1] * 0.09), int(sheet.size[0] * uniform(rng, 0.15, 0.35))
    alpha = np.zeros((rows, columns), np.float32)
    axes, turn = (int(columns * 0.4), int(rows * 0.36)), uniform(rng, -6, 6)
    start, end = uniform(rng, 0, 40), uniform(rng, 330, 400)
    cv2.ellipse(alpha, (columns // 2, rows // 2), axes, turn, start, end, 0.9, 2, cv2.LINE_AA)
    beside = scribble(rng, width=max(40, columns // 2), height=rows * 0.13)[:rows, :columns]
    top = max(0, rows - beside.shape[0])
    alpha[top:, : beside.shape[1]] = np.maximum(alpha[top:, : beside.shape[1]], beside[: rows - top])
    return alpha, somewhere(sheet, (rows, columns), rng, low=0.15, high=0.85)


#: What is added, how often, and how many times at least and at most when it is.
ADDITIONS: Final[Mapping[str, tuple[Addition, float, int, int]]] = MappingProxyType({
    "margin note": (margin_note, 0.23, 1, 1),
    "signature": (signature, 0.22, 1, 1),
    "fields": (word, 0.11, 3, 8),
    "correction": (word, 0.11, 1, 3),
    "date": (date, 0.09, 1, 1),
    "remark": (remark, 0.1, 1, 1),
    "paragraph": (paragraph, 0.09, 1, 1),
    "ring": (ring, 0.05, 1, 2),
})  # fmt: skip
