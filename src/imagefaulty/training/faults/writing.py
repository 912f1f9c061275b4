"""Both hands on one page: handwriting on typed pages, print on handwritten ones, with the mask of what was added."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import Window, chance, soften, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.handwriting import handwriting, pen, printing, resized, turned
from imagefaulty.training.faults.marks import emptiest, inked, somewhere
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.stand_ins import scribble

Addition = Literal["margin note", "signature", "fields", "correction", "date", "remark", "marks"]
_SHARES: dict[Addition, float] = {
    "margin note": 0.24, "signature": 0.24, "fields": 0.12, "correction": 0.14, "date": 0.09, "remark": 0.12, "marks": 0.05,
}  # fmt: skip


def _placed(
    sheet: Sheet,
    mask: Field,
    alpha: Field,
    window: Window,
    ink_of_pen: tuple[str, tuple[float, float, float], float],
    rng: np.random.Generator,
) -> tuple[Sheet, Field]:
    """Write ``alpha`` at the top left of ``window`` and add it to the mask."""
    _, colour, opacity = ink_of_pen
    rows = min(alpha.shape[0], sheet.pixels.shape[0] - window.top)
    columns = min(alpha.shape[1], sheet.pixels.shape[1] - window.left)
    part = alpha[:rows, :columns]
    texture = np.clip(opacity * (1 + rng.normal(0, 0.05)), 0.2, 1.0)
    sheet = inked(sheet, np.asarray(part * texture, np.float32), window, colour, rng)
    mask = mask.copy()
    place = (slice(window.top, window.top + rows), slice(window.left, window.left + columns))
    mask[place] = np.maximum(mask[place], part)
    return sheet, mask


def _at(sheet: Sheet, alpha: Field, u: float, v: float) -> Window:
    """Return the window that centres ``alpha`` on a point of the sheet, moved inside the page."""
    x, y = sheet.point(u, v)
    rows, columns = alpha.shape
    left = int(np.clip(x - columns / 2, 1, max(2, sheet.pixels.shape[1] - columns - 1)))
    top = int(np.clip(y - rows / 2, 1, max(2, sheet.pixels.shape[0] - rows - 1)))
    return Window(left, top, min(sheet.pixels.shape[1], left + columns), min(sheet.pixels.shape[0], top + rows))


def _limited(alpha: Field, sheet: Sheet, wide: float, tall: float, grow: float = 1.6) -> Field:
    scale = min(grow, wide * sheet.size[0] / alpha.shape[1], tall * sheet.size[1] / alpha.shape[0])
    return resized(alpha, scale=scale)


def _underlined(alpha: Field, rng: np.random.Generator) -> Field:
    rows = alpha.shape[0]
    out = np.pad(alpha, ((2, 10), (2, 2)))
    points = np.stack([np.linspace(4, alpha.shape[1], 9), rows + 4 + np.cumsum(rng.normal(0, 0.7, 9))], axis=1)
    cv2.polylines(out, [points.astype(np.int32)], False, 0.95, 2, cv2.LINE_AA)
    return out


def _one(kind: Addition, sheet: Sheet, materials: Materials, rng: np.random.Generator) -> tuple[Field, Window]:
    """Make one handwritten addition and choose its place."""
    if kind == "margin note":
        text = handwriting(materials, rng, width=uniform(rng, 0.2, 0.45), height=uniform(rng, 0.05, 0.16))
        text = _limited(text, sheet, uniform(rng, 0.12, 0.42), 0.2)
        if chance(rng, 0.14):
            text = turned(text, float(rng.choice((-90, 90))))
        text = turned(text, float(rng.normal(0, 5)))
        return text, emptiest(sheet, text.shape, rng)
    if kind == "signature":
        text = handwriting(materials, rng, width=uniform(rng, 0.18, 0.32), height=0.055)
        text = _limited(text, sheet, uniform(rng, 0.2, 0.4), 0.09, grow=2.2)
        if chance(rng, 0.35):
            text = _underlined(text, rng)
        text = turned(text, float(rng.normal(4, 6)))
        return text, _at(sheet, text, uniform(rng, 0.3, 0.85), uniform(rng, 0.6, 0.93))
    if kind == "date":
        text = handwriting(materials, rng, width=0.18, height=0.04)
        text = turned(_limited(text, sheet, 0.24, 0.06, grow=1.8), float(rng.normal(0, 5)))
        return text, _at(sheet, text, float(rng.choice((0.15, 0.85))), uniform(rng, 0.03, 0.12))
    if kind == "remark":
        text = handwriting(materials, rng, width=uniform(rng, 0.25, 0.5), height=uniform(rng, 0.03, 0.08))
        text = turned(_limited(text, sheet, uniform(rng, 0.3, 0.8), 0.14, grow=2.6), float(rng.normal(6, 9)))
        return text, somewhere(sheet, text.shape, rng, low=0.2, high=0.8)
    if kind == "marks":
        return _pen_marks(sheet, rng)
    text = handwriting(materials, rng, width=uniform(rng, 0.08, 0.25), height=0.035)
    text = turned(_limited(text, sheet, 0.3, 0.04, grow=1.3), float(rng.normal(0, 2)))
    return text, somewhere(sheet, text.shape, rng, low=0.15, high=0.85)


def _pen_marks(sheet: Sheet, rng: np.random.Generator) -> tuple[Field, Window]:
    """Draw ticks, rings and strokes of the pen, with a word beside them so that a hand is certain."""
    rows, columns = int(sheet.size[1] * 0.09), int(sheet.size[0] * uniform(rng, 0.15, 0.35))
    alpha = np.zeros((rows, columns), np.float32)
    ring = (columns // 2, rows // 2), (int(columns * 0.4), int(rows * 0.36))
    cv2.ellipse(
        alpha, ring[0], ring[1], uniform(rng, -6, 6), uniform(rng, 0, 40), uniform(rng, 330, 400), 0.9, 2, cv2.LINE_AA
    )
    word = scribble(rng, width=max(40, columns // 2), height=rows * 0.13)
    word = word[:rows, :columns]
    top = max(0, rows - word.shape[0])
    alpha[top:, : word.shape[1]] = np.maximum(alpha[top:, : word.shape[1]], word[: rows - top])
    return alpha, somewhere(sheet, (rows, columns), rng, low=0.15, high=0.85)


def handwriting_on_typed(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Write on a typed page: notes, a signature, fields, corrections, a date, remarks across, rings and ticks."""
    kinds = list(_SHARES)
    count = int(rng.choice((1, 2, 3, 4), p=(0.42, 0.3, 0.18, 0.1)))
    mask = np.zeros(sheet.cover.shape, np.float32)
    names: list[str] = []
    one_pen = pen(rng)
    for _ in range(count):
        kind = kinds[int(rng.choice(len(kinds), p=list(_SHARES.values())))]
        repeats = (
            int(rng.integers(3, 9)) if kind == "fields" else int(rng.integers(1, 4)) if kind == "correction" else 1
        )
        with_pen = one_pen if chance(rng, 0.6) else pen(rng)
        for _ in range(repeats):
            alpha, window = _one(kind, sheet, materials, rng)
            sheet, mask = _placed(sheet, mask, alpha, window, with_pen, rng)
        names.append(kind)
    return Change(sheet, _region(mask), " + ".join(names))


def print_on_handwritten(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print on a handwritten page: a letterhead, the lines of a form, a typed note at the foot."""
    mask = np.zeros(sheet.cover.shape, np.float32)
    black = ("print", (40.0, 38.0, 42.0) if chance(rng, 0.7) else (60.0, 50.0, 110.0), uniform(rng, 0.75, 1.0))
    kind = str(rng.choice(("letterhead", "form", "typed note"), p=(0.4, 0.3, 0.3)))
    if kind == "letterhead":
        text = printing(materials, rng, width=uniform(rng, 0.3, 0.6), height=uniform(rng, 0.05, 0.11))
        text = _limited(text, sheet, uniform(rng, 0.3, 0.75), 0.12, grow=1.7)
        sheet, mask = _placed(
            sheet, mask, text, _at(sheet, text, uniform(rng, 0.3, 0.7), uniform(rng, 0.05, 0.1)), black, rng
        )
    elif kind == "form":
        for v in np.linspace(uniform(rng, 0.1, 0.25), uniform(rng, 0.6, 0.92), int(rng.integers(4, 11))):
            text = printing(materials, rng, width=uniform(rng, 0.12, 0.28), height=0.022)
            text = _limited(text, sheet, 0.32, 0.025, grow=1.2)
            sheet, mask = _placed(sheet, mask, text, _at(sheet, text, uniform(rng, 0.12, 0.3), float(v)), black, rng)
    else:
        text = printing(materials, rng, width=uniform(rng, 0.25, 0.6), height=uniform(rng, 0.03, 0.14))
        text = _limited(text, sheet, uniform(rng, 0.3, 0.8), 0.2, grow=1.4)
        sheet, mask = _placed(sheet, mask, text, emptiest(sheet, text.shape, rng), black, rng)
    return Change(sheet, _region(mask), kind)


def _region(mask: Field) -> Field:
    """Grow strokes into the patch that they form, so that cells of a coarse map count as written on."""
    return np.asarray(soften(cv2.dilate((mask > 0.3).astype(np.float32), np.ones((7, 7), np.uint8)), 1.0), np.float32)
