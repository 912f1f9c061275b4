"""Empty pages and nearly empty ones: the same paper, dirt and show-through, without or with one small thing on it."""

from __future__ import annotations

import cv2
import numpy as np

from imagefaulty.training.faults.circumstances import holes, stain_mask
from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    clouds,
    ink,
    luminance,
    soften,
    to_pixels,
    uniform,
)
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.handwriting import handwriting, pen, printing, resized, turned
from imagefaulty.training.faults.marks import inked, stamp_mask
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.stand_ins import figures, lettering

_FORMATS = ((1024, 724), (1024, 791), (1024, 640), (724, 1024), (1024, 850), (900, 1024))

_STAMP_COLOURS = ((94.0, 44.0, 128.0), (160.0, 34.0, 44.0), (34.0, 48.0, 128.0), (50.0, 48.0, 52.0))


def blank_page(materials: Materials, rng: np.random.Generator, *, ruled: bool = True) -> Pixels:
    """Return a page with nothing written on it, uint8 RGB: a real blank, or paper with what paper carries.

    Args:
        materials: Where real blanks and paper come from.
        rng: Source of chance.
        ruled: Whether paper may be ruled, as no paper to print books on is.
    """
    real = materials.blank(rng) if chance(rng, 0.3) else None
    if real is not None:
        return _varied(real, rng)
    height, width = _FORMATS[int(rng.choice(len(_FORMATS), p=(0.4, 0.25, 0.12, 0.11, 0.07, 0.05)))]
    page = materials.paper((height, width), rng).astype(np.float32)
    look = float(rng.random())
    if look < 0.1:  # a bilevel blank: white, with what dirt survives
        page = np.full_like(page, 254)
        page = _dirty(page, rng, specks=int(rng.integers(0, 60)), dark=True)
        return to_pixels(page)
    if chance(rng, 0.6):
        page = _show_through(page, materials, rng)
    if chance(rng, 0.32) and ruled:
        page = _ruled(page, rng)
    if chance(rng, 0.6):
        page = _dirty(page, rng, specks=int(rng.integers(3, 90)), dark=chance(rng, 0.4))
    if chance(rng, 0.35):
        page = _foxed(page, rng)
    if chance(rng, 0.25):
        page = _streaked(page, rng)
    page = _edge_darkened(page, rng) if chance(rng, 0.4) else page
    if look > 0.85:
        page = np.repeat(luminance(page)[..., None], 3, axis=2)
    return to_pixels(page)


def _varied(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Mirror, turn, cut and tint a real blank so that a few serve as many."""
    if chance(rng, 0.5):
        page = page[:, ::-1]
    if chance(rng, 0.3):
        page = page[::-1]
    cut = rng.uniform(0, 0.06, 4)
    height, width = page.shape[:2]
    page = page[int(cut[0] * height) : height - int(cut[1] * height), int(cut[2] * width) : width - int(cut[3] * width)]
    scale = 1024 / max(page.shape[:2])
    page = cv2.resize(page, None, fx=scale * uniform(rng, 0.9, 1.0), fy=scale, interpolation=cv2.INTER_LINEAR)
    page = page[:1024, :1024]
    tint = rng.normal(1, 0.025, 3) * uniform(rng, 0.9, 1.06)
    return to_pixels(np.asarray(page * tint, np.float32))


def _show_through(page: Field, materials: Materials, rng: np.random.Generator) -> Field:
    """Let another page's ink show through from behind: mirrored, blurred and faint (at most 14 %)."""
    source = materials.print(rng) if chance(rng, 0.5) else materials.hand(rng)
    grey = luminance(cv2.resize(source, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_AREA)[:, ::-1])
    paper = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((41, 41), np.uint8)), (41, 41))
    ghost = soften(np.asarray(np.clip(1 - grey / np.maximum(paper, 30), 0, 1), np.float32), uniform(rng, 1.2, 3.5))
    tint = (120.0, 110.0, 95.0) if chance(rng, 0.7) else (110.0, 110.0, 112.0)
    return ink(page, ghost * uniform(rng, 0.05, 0.26), tint)


def _ruled(page: Field, rng: np.random.Generator) -> Field:
    """Rule the page: lines, squares, columns; printed in blue, grey, red or brown."""
    height, width = page.shape[:2]
    alpha = np.zeros((height, width), np.float32)
    pitch = uniform(rng, 16, 36)
    kind = str(rng.choice(("lines", "squares", "columns", "margin"), p=(0.55, 0.15, 0.15, 0.15)))
    top, bottom = uniform(rng, 0, 0.14) * height, height * uniform(rng, 0.92, 1.0)
    if kind in {"lines", "squares"}:
        for y in np.arange(top, bottom, pitch):
            cv2.line(alpha, (0, int(y)), (width, int(y + uniform(rng, -1, 1))), 1.0, 1, cv2.LINE_AA)
    if kind == "squares":
        alpha[:, (np.arange(0, width, pitch)).astype(int)] = 1.0
    if kind == "columns":
        for x in np.sort(rng.uniform(0.06, 0.94, int(rng.integers(2, 8)))) * width:
            cv2.line(alpha, (int(x), int(top)), (int(x), int(bottom)), 1.0, 1, cv2.LINE_AA)
    if kind == "margin" or chance(rng, 0.3):
        x = int(uniform(rng, 0.08, 0.2) * width)
        cv2.line(alpha, (x, 0), (x, height), 1.0, 1, cv2.LINE_AA)
    colour = ((110, 140, 200), (140, 140, 140), (200, 110, 110), (150, 120, 90))[int(rng.integers(4))]
    return ink(page, alpha * uniform(rng, 0.2, 0.75), colour)


def _dirty(page: Field, rng: np.random.Generator, *, specks: int, dark: bool) -> Field:
    alpha = np.zeros(page.shape[:2], np.float32)
    for _ in range(specks):
        at = (int(rng.integers(page.shape[1])), int(rng.integers(page.shape[0])))
        cv2.circle(alpha, at, int(rng.choice((0, 1, 2), p=(0.65, 0.28, 0.07))), uniform(rng, 0.2, 1.0), -1, cv2.LINE_AA)
    if chance(rng, 0.3):  # a hair on the glass
        points = np.cumsum(rng.normal(0, 5, (24, 2)), axis=0) + rng.uniform(100, 600, 2)
        cv2.polylines(alpha, [points.astype(np.int32)], False, 0.5, 1, cv2.LINE_AA)
    colour = (24.0, 22.0, 20.0) if dark else (150.0, 130.0, 104.0)
    return ink(page, soften(alpha, 0.5) * uniform(rng, 0.5, 1.0), colour)


def _foxed(page: Field, rng: np.random.Generator) -> Field:
    for _ in range(int(rng.integers(1, 30))):
        size = int(np.clip(rng.lognormal(2.4, 0.7), 4, 90))
        left, top = int(rng.integers(max(1, page.shape[1] - size))), int(rng.integers(max(1, page.shape[0] - size)))
        window = Window(left, top, min(page.shape[1], left + size), min(page.shape[0], top + size))
        mask = stain_mask(window.shape, rng) * uniform(rng, 0.1, 0.5)
        page[window.slices] = ink(page[window.slices], np.asarray(mask, np.float32), (172, 128, 82))
    return page


def _streaked(page: Field, rng: np.random.Generator) -> Field:
    """Draw the thin lines that a speck on a feeder's glass leaves, along the page."""
    for _ in range(int(rng.integers(1, 4))):
        x, wide = int(rng.integers(page.shape[1] - 4)), int(rng.integers(1, 4))
        shade = 1 - uniform(rng, 0.04, 0.5) * (0.7 + 0.3 * rng.random((page.shape[0], 1, 1)))
        page[:, x : x + wide] *= shade.astype(np.float32)
    return page


def _edge_darkened(page: Field, rng: np.random.Generator) -> Field:
    height, width = page.shape[:2]
    y = np.minimum(np.arange(height), np.arange(height)[::-1]).astype(np.float32)[:, None]
    x = np.minimum(np.arange(width), np.arange(width)[::-1]).astype(np.float32)[None]
    near = np.minimum(x, y) * (1 + 0.3 * clouds((height, width), rng, period=200))
    brown = np.array([1.0, 0.92, 0.78], np.float32)
    alpha = np.exp(-near / uniform(rng, 6, 60)) * uniform(rng, 0.08, 0.35)
    return np.asarray(page * (1 - alpha[..., None] * (1.2 - brown)), np.float32)


def blank(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Finish an empty page: file holes now and then. Nothing is written on it."""
    if chance(rng, 0.3):
        sheet = holes(sheet, materials, rng).sheet
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), f"{sheet.bed.name} bed" if sheet.framed else "no bed")


def nearly_empty(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> tuple[Change, str]:
    """Put one small thing on an empty page, which makes it a written one.

    Returns:
        The change, whose mask covers the thing, and the hand: ``"handwriting"``, ``"print"`` or ``"stamp"``.
    """
    if chance(rng, 0.2):
        sheet = holes(sheet, materials, rng).sheet
    kinds = ("page number", "written number", "stamp", "initials", "pencil", "typed line", "signature", "heading")
    kind = str(rng.choice(kinds, p=(0.19, 0.15, 0.13, 0.11, 0.14, 0.12, 0.1, 0.06)))
    alpha, colour, hand = _lone(kind, sheet, materials, rng)
    u, v = _lone_place(kind, rng)
    x, y = sheet.point(u, v)
    rows, columns = alpha.shape
    left = int(np.clip(x - columns / 2, 2, max(3, sheet.pixels.shape[1] - columns - 2)))
    top = int(np.clip(y - rows / 2, 2, max(3, sheet.pixels.shape[0] - rows - 2)))
    window = Window(left, top, min(left + columns, sheet.pixels.shape[1]), min(top + rows, sheet.pixels.shape[0]))
    part = alpha[: window.shape[0], : window.shape[1]]
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = part > 0.15
    return Change(inked(sheet, part, window, colour, rng), mask, kind), hand


def _lone_place(kind: str, rng: np.random.Generator) -> tuple[float, float]:
    if kind in {"page number", "written number"}:
        return float(rng.choice((0.08, 0.5, 0.92), p=(0.15, 0.4, 0.45))), float(
            rng.choice((0.05, 0.95), p=(0.65, 0.35))
        )
    if kind in {"typed line", "heading"}:
        return uniform(rng, 0.35, 0.65), uniform(rng, 0.08, 0.6)
    return uniform(rng, 0.15, 0.85), uniform(rng, 0.08, 0.92)


def _lone(
    kind: str, sheet: Sheet, materials: Materials, rng: np.random.Generator
) -> tuple[Field, tuple[float, float, float], str]:
    """Make the one thing on the page: its alpha, its ink, and whose hand it is."""
    unit = sheet.size[1] / 1000
    if kind == "page number":
        shown = str(int(rng.integers(1, 400)))
        shown = str(rng.choice((shown, f"- {shown} -", f"{shown}.", f"Page {shown}"), p=(0.5, 0.25, 0.1, 0.15)))
        return lettering(shown, unit * uniform(rng, 11, 19)) * uniform(rng, 0.7, 1), (44, 42, 40), "print"
    if kind == "stamp":
        worn = stamp_mask(rng, int(sheet.size[0] * uniform(rng, 0.09, 0.25))) * uniform(rng, 0.35, 0.95)
        return worn, _STAMP_COLOURS[int(rng.integers(len(_STAMP_COLOURS)))], "stamp"
    if kind in {"typed line", "heading"}:
        text = printing(materials, rng, width=0.45, height=0.03 if kind == "typed line" else 0.09)
        return _fitted(text, sheet, 0.6) * uniform(rng, 0.7, 1), (40.0, 38.0, 40.0), "print"
    _, colour, opacity = pen(rng)
    if kind == "pencil" or (kind == "written number" and chance(rng, 0.5)):
        colour, opacity = (105.0, 103.0, 102.0), uniform(rng, 0.3, 0.6)
    if kind == "written number":
        shown = str(int(rng.integers(1, 2000)))
        return (
            turned(figures(rng, shown, unit * uniform(rng, 17, 40)), float(rng.normal(0, 5))) * opacity,
            colour,
            "handwriting",
        )
    wide, tall = {"initials": (0.12, 0.05), "pencil": (0.4, 0.06)}.get(kind, (0.28, 0.06))
    text = handwriting(materials, rng, width=wide, height=tall)
    grow = uniform(rng, 1.0, 1.6) if kind == "signature" else uniform(rng, 0.9, 1.2)
    text = _fitted(resized(text, scale=max(grow, 24 * unit / text.shape[0])), sheet, 0.6)
    return turned(text, float(rng.normal(0, 5))) * opacity, colour, "handwriting"


def _fitted(alpha: Field, sheet: Sheet, share: float) -> Field:
    return resized(alpha, scale=min(1.0, share * sheet.size[0] / alpha.shape[1], 0.4 * sheet.size[1] / alpha.shape[0]))
