"""Whole pages made on blank paper: hands on paper and in inks that they were never seen on, type, registers, forms.

Real pages teach what their sources look like as well as what is written on them. Here any hand meets any paper, and
print is set in faces that no scan at hand has, so that only the writing tells the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import cv2
import numpy as np

from imagefaulty.training.faults.annotated import annotated_slip
from imagefaulty.training.faults.blanks import blank_page
from imagefaulty.training.faults.book_hands import book_page
from imagefaulty.training.faults.compositing import Window, chance, luminance, put, to_pixels, uniform
from imagefaulty.training.faults.copies import as_copy
from imagefaulty.training.faults.corrections import corrected
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.early_prints import early_print
from imagefaulty.training.faults.handwriting import lifted, pen, resized
from imagefaulty.training.faults.layers import Inks, Layers
from imagefaulty.training.faults.marks import inked
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.pens import FAINT
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.slips import plain_paper, slip_paper
from imagefaulty.training.faults.spelling import Hand, hand, spelled
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.till_slips import till_slip
from imagefaulty.training.faults.typesetting import LAYOUTS, face, set_line, typeset

_LAYOUT_SHARES: Final = (0.28, 0.22, 0.14, 0.18, 0.1, 0.08)
_NARROW: Final = (1.9, 3.4)  # how many times as high as wide a till slip is
_UPRIGHT: Final = (1.25, 1.5)  # likewise, of a sheet for a typewriter
_PLAIN_SHARE: Final = 0.65  # of those sheets are bare: few type on ruled paper
_COPY_SHARE: Final = 0.12
_PALE: Final = 0.5  # likewise, of book hands, whose ink may be brown: how much darker than the leaf it is
_THIN_INK: Final = 75  # of 255: likewise, of early print
_BILEVEL_PAPER: Final = 252  # of 255
_SPELLED_SHARE: Final = 0.55  # of the hands spell; the others are lifted off real pages
_BOOK_HAND_SHARE: Final = 0.2  # of the lifted ones are medieval
_BARE_SHARE: Final = 0.2  # of the registers have no print, and of the forms no hand


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A written sheet, and over the page where hand and print lie (0..1)."""

    sheet: Sheet
    hand: Field
    print: Field
    detail: str


def paper_for(kind: str, materials: Materials, rng: np.random.Generator) -> tuple[Pixels, str]:
    """Return blank paper for a kind, uint8 RGB, and the layout of its type (a till slip is narrow)."""
    if kind in {"annotated-slip", "till-slip"}:
        return slip_paper(materials, rng), ""
    if kind == "corrected" and chance(rng, _PLAIN_SHARE):
        return plain_paper((1024, int(1024 / uniform(rng, *_UPRIGHT))), materials, rng), ""
    layout = str(rng.choice(LAYOUTS, p=_LAYOUT_SHARES)) if kind == "type-page" else ""
    if layout == "receipt":
        return materials.paper((1024, int(1024 / uniform(rng, *_NARROW))), rng), layout
    if kind == "early-print":
        return _old_paper(materials, rng), layout
    return (_vellum if kind == "book-page" else blank_page)(materials, rng), layout


def _vellum(materials: Materials, rng: np.random.Generator) -> Pixels:
    """Return a blank leaf that ink of all strengths shows on: never black and white, mostly yellowish."""
    page = blank_page(materials, rng)
    while np.median(page) > _BILEVEL_PAPER:
        page = blank_page(materials, rng)
    if chance(rng, 0.25):
        return page
    tint = np.array([1, uniform(rng, 0.93, 1), uniform(rng, 0.76, 0.97)], np.float32)
    return to_pixels(np.asarray(page * tint * np.float32(uniform(rng, 0.88, 1)), np.float32))


def _old_paper(materials: Materials, rng: np.random.Generator) -> Pixels:
    """Return blank paper to print a book on, upright: aged, brown where it is of wood, or as clean as a copy's."""
    may_be_bilevel = chance(rng, 0.3)
    page = blank_page(materials, rng, ruled=False)
    while page.shape[1] > page.shape[0] or (np.median(page) > _BILEVEL_PAPER and not may_be_bilevel):
        page = blank_page(materials, rng, ruled=False)
    if np.median(page) > _BILEVEL_PAPER or chance(rng, 0.15):
        return page
    grey = luminance(page)[..., None]
    brown = uniform(rng, 0.35, 1) if chance(rng, 0.4) else uniform(rng, 0.08, 0.35)
    tint = 1 - brown * np.array([0.18, 0.32, 0.54], np.float32)
    return to_pixels(np.asarray((grey + (page - grey) * np.float32(uniform(rng, 0, 0.3))) * tint, np.float32))


def compose(kind: str, layout: str, sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Composed:
    """Write a page of one of :data:`LAYERS`' kinds on a blank sheet; an eighth of them are copied in black and white.

    Args:
        kind: One of :data:`LAYERS`.
        layout: Of type pages, from :func:`paper_for`.
        sheet: A sheet with nothing written on it.
        materials: Where real hands come from.
        rng: Source of chance.
    """
    width, height = (max(64, int(side)) for side in sheet.size)
    layers = LAYERS[kind](layout, width, height, materials, rng)
    inks, faint = _inks(kind, layers, sheet, rng)
    ruled = (uniform(rng, 60, 190), uniform(rng, 60, 190), uniform(rng, 70, 200))
    if layers.inks is not None:
        ruled = inks.type  # printed with the type
    everywhere = Window(0, 0, sheet.pixels.shape[1], sheet.pixels.shape[0])
    faint = faint and bool(layers.hand.any())
    masks = {}
    for back, colour in layers.backs:
        sheet = inked(sheet, _onto(sheet, back), everywhere, colour, rng)
    for layer_name, layer, colour, strength in (
        ("rules", layers.rules, ruled, uniform(rng, 0.4, 1)), ("print", layers.print, inks.type, uniform(rng, 0.7, 1)),
        ("hand", layers.hand, inks.pen, inks.opacity),
    ):  # fmt: skip
        masks[layer_name] = _onto(sheet, layer)
        if layer.any():
            sheet = inked(sheet, np.asarray(masks[layer_name] * strength, np.float32), everywhere, colour, rng)
    if layers.red is not None and layers.red.any():
        red = _onto(sheet, layers.red)
        sheet = inked(
            sheet, np.asarray(red * uniform(rng, 0.6, 1), np.float32), everywhere, _rubric(rng, layers.red_of), rng
        )
        masks[layers.red_of] = np.maximum(masks[layers.red_of], red)
    if not sheet.tone.bilevel and not faint and chance(rng, inks.copies):
        sheet = as_copy(sheet, rng)
    # `finish` leaves the greys of whatever is called pencil.
    return Composed(sheet, masks["hand"], masks["print"], f"{layers.detail}/{'pencil' if faint else inks.name}")


def _inks(kind: str, layers: Layers, sheet: Sheet, rng: np.random.Generator) -> tuple[Inks, bool]:
    """Choose the inks of a page, and say whether a hard threshold would wipe its hand out."""
    if layers.inks is not None:
        inks = layers.inks.on_bilevel() if sheet.tone.bilevel else layers.inks
        return inks, inks.name == "pencil"
    name, colour, opacity, faint = _hand_ink(rng, of_a_book=layers.red is not None and layers.red_of == "hand")
    if kind != "early-print":
        return Inks(_type_ink(rng), colour, name, opacity, _COPY_SHARE), faint
    black = _printers_ink(rng)
    return Inks(black, colour, name, opacity, 0 if max(black) > _THIN_INK else _COPY_SHARE), faint


def _type_ink(rng: np.random.Generator) -> tuple[float, float, float]:
    """Mostly black, at times faded, a carbon's blue or a ribbon's violet."""
    if chance(rng, 0.75):
        level = uniform(rng, 20, 95)
        return level, level, level * uniform(rng, 0.95, 1.15)
    return ((48.0, 52.0, 118.0), (74.0, 54.0, 110.0), (86.0, 66.0, 52.0))[int(rng.integers(3))]


def _printers_ink(rng: np.random.Generator) -> tuple[float, float, float]:
    """Lamp-black in oil: black, or grey to brown where it was thin or the paper took it up."""
    level, warmth = uniform(rng, 12, 70) if chance(rng, 0.7) else uniform(rng, 60, 105), uniform(rng, 0, 0.3)
    return level * (1 + warmth), level, level * (1 - warmth)


def _hand_ink(rng: np.random.Generator, *, of_a_book: bool) -> tuple[str, tuple[float, float, float], float, bool]:
    """Choose the ink of a hand: its name, colour and opacity, and whether a hard threshold would wipe it out."""
    name, colour, opacity = pen(rng)
    opacity = max(0.45, opacity * uniform(rng, 0.55, 1))
    if not of_a_book:
        return name, colour, opacity, opacity < FAINT
    colour, opacity = _gall_ink(rng), uniform(rng, 0.62, 1)
    return "iron gall", colour, opacity, opacity * (1 - sum(colour) / 3 / 255) < _PALE


def _gall_ink(rng: np.random.Generator) -> tuple[float, float, float]:
    """From black to a rusty brown."""
    rust = uniform(rng, 0, 1)
    level = uniform(rng, 18, 60)
    return level + 62 * rust, level + 32 * rust, level + 8 * rust


def _rubric(rng: np.random.Generator, whose: Literal["hand", "print"]) -> tuple[float, float, float]:
    """Vermilion or minium; now and then blue, but not in print."""
    if whose == "hand" and chance(rng, 0.2):
        return uniform(rng, 30, 80), uniform(rng, 60, 100), uniform(rng, 130, 190)
    return uniform(rng, 150, 215), uniform(rng, 40, 85), uniform(rng, 35, 70)


def _onto(sheet: Sheet, layer: Field) -> Field:
    """Carry a layer of the sheet's size to where the sheet lies on the page."""
    rows, columns = layer.shape
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, sheet.quad.astype(np.float32))
    size = (sheet.pixels.shape[1], sheet.pixels.shape[0])
    return np.asarray(cv2.warpPerspective(layer, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def _block(width: int, height: int, materials: Materials, rng: np.random.Generator, *, spells: bool) -> Field:
    """Fill a block with handwriting: of an invented hand, or lifted off real pages."""
    unit = max(0.35, height / 1024)
    if not spells and materials.hands:
        ink = materials.book_hand_ink(rng) if chance(rng, _BOOK_HAND_SHARE) else None
        ink = materials.hand_ink(rng) if ink is None else ink
        out, top = np.zeros((height, width), np.float32), 0
        for _ in range(6):
            found = lifted(ink, rng, width=uniform(rng, 0.45, 0.9), height=uniform(rng, 0.2, 0.75))
            if found is None:
                continue
            found = resized(found, scale=min(width / found.shape[1], 1.5, max(0.35, (height - top) / found.shape[0])))
            put(out, found, top, 0)
            top += found.shape[0] + int(6 * unit)
            if top > 0.8 * height:
                break
        if out.any():
            return out
    return spelled(rng, width=width, height=height, capital=uniform(rng, 9, 21), pen=uniform(rng, 1.0, 2.4))


def _hand_page(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    del layout
    spells = chance(rng, _SPELLED_SHARE)
    left, right = width * uniform(rng, 0.02, 0.25), width * uniform(rng, 0.85, 0.99)
    top, bottom = (
        height * uniform(rng, 0.02, 0.2),
        height * (uniform(rng, 0.35, 0.7) if chance(rng, 0.25) else uniform(rng, 0.8, 0.99)),
    )
    written = np.zeros((height, width), np.float32)
    two = chance(rng, 0.12)
    middle = (left + right) / 2
    for start, end in ((left, middle - 6), (middle + 6, right)) if two else ((left, right),):
        block = _block(int(end - start), int(bottom - top), materials, rng, spells=spells)
        put(written, block, top, start)
    if chance(rng, 0.3):
        writer = hand(rng, capital=uniform(rng, 9, 16), pen=uniform(rng, 1.0, 2.0))
        put(written, writer.line(str(int(rng.integers(1, 400))), rng, width=80), height * 0.01, width * 0.88)
    bare = np.zeros_like(written)
    return Layers(bare, bare, written, "spelled" if spells else "lifted")


def _type_page(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    del materials
    bare = np.zeros((height, width), np.float32)
    rules = bare.copy()
    if chance(rng, 0.2):
        for _ in range(int(rng.integers(1, 5))):
            y, start = int(height * uniform(rng, 0.05, 0.95)), int(width * uniform(rng, 0.05, 0.4))
            cv2.line(rules, (start, y), (int(width * uniform(rng, 0.5, 0.95)), y), 1.0, int(rng.integers(1, 3)))
    return Layers(rules, typeset(rng, layout, width=width, height=height), bare, layout)


def _letters(text: str, size: float, rng: np.random.Generator) -> Field:
    """Set one line of type as an alpha cut to its extent."""
    return set_line(text, face(rng, size))


def _register(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    """Rule columns with printed heads, a printed title above them, and fill them by hand."""
    del layout
    rules, printed, written = (np.zeros((height, width), np.float32) for _ in range(3))
    head, body = height * uniform(rng, 0.04, 0.1), height * uniform(rng, 0.11, 0.2)
    edges = _column_edges(rng) * width
    thick = int(rng.integers(1, 3))
    for x in edges:
        cv2.line(rules, (int(x), int(head)), (int(x), height - 1), 1.0, thick)
    for y in (head, body, *((head + body) / 2,) * int(chance(rng, 0.3))):
        cv2.line(rules, (0, int(y)), (width, int(y)), 1.0, thick)
    pitch = uniform(rng, 15, 34) * height / 1024
    if chance(rng, 0.4):
        for y in np.arange(body + pitch, height, pitch):
            cv2.line(rules, (0, int(y)), (width, int(y)), uniform(rng, 0.3, 0.8), 1)
    bare = chance(rng, _BARE_SHARE)
    if not bare:
        _heads(printed, edges, head, body, rng)
    writer = hand(rng, capital=pitch * uniform(rng, 0.4, 0.7), pen=uniform(rng, 0.9, 1.9))
    bottom = height * (uniform(rng, 0.3, 0.8) if chance(rng, 0.2) else 0.97)
    for start, end in itertools.pairwise(edges):
        if end - start > 0.24 * width:
            block = (int(end - start - 8), int(bottom - body - 6))
            put(written, _block(*block, materials, rng, spells=chance(rng, 0.25)), body + 4, start + 4)
        elif chance(rng, 0.8):
            _entries(written, (start, end, body, bottom), pitch, writer, rng)
    return Layers(rules, printed, written, "no print" if bare else "printed heads")


def _column_edges(rng: np.random.Generator) -> Field:
    """Where columns begin and end, as fractions of the width: one or two wide ones among narrow ones."""
    widths = np.where(rng.random(int(rng.integers(3, 9))) < 0.25, rng.uniform(2, 6), rng.uniform(0.5, 1.3))
    widths[int(rng.integers(len(widths)))] = uniform(rng, 3, 7)
    edges = np.concatenate([[0], np.cumsum(widths)])
    low, high = uniform(rng, 0.0, 0.08), uniform(rng, 0.92, 1.0)
    return np.asarray(low + edges / edges[-1] * (high - low), np.float32)


def _heads(printed: Field, edges: Field, head: float, body: float, rng: np.random.Generator) -> None:
    """Print a title and the heads of the columns, small, in narrow columns upwards."""
    height, width = printed.shape
    if chance(rng, 0.7):
        title = _letters(words(rng, int(rng.integers(1, 5))).upper(), height * uniform(rng, 0.009, 0.018), rng)
        put(printed, title, head - title.shape[0] - 3, (width - title.shape[1]) * uniform(rng, 0.2, 0.8))
    size = height * uniform(rng, 0.0065, 0.011)
    for start, end in itertools.pairwise(edges):
        if chance(rng, 0.08):
            continue
        upwards = end - start < 5 * size and chance(rng, 0.5)
        room = (body - head if upwards else end - start) - 4
        for line in range(int(rng.integers(1, 4))):
            text = _letters(words(rng, 3)[: max(2, int(room / size / 0.62))].upper(), size, rng)
            text = np.rot90(text) if upwards else text
            along = line * size * 1.35 + 3
            top, left = (head + 3, start + along) if upwards else (head + along, (start + end - text.shape[1]) / 2)
            if (left if upwards else top) + size > (end if upwards else body):
                break
            put(printed, np.asarray(text, np.float32), top, left)


def _entries(
    written: Field, box: tuple[float, float, float, float], pitch: float, writer: Hand, rng: np.random.Generator
) -> None:
    """Enter numbers, dates, sums or names in a narrow column, one to a row or every few rows."""
    start, end, top, bottom = box
    room, every = int(end - start - 6), int(rng.choice((1, 1, 2, 3, 5)))
    if room < 8:
        return
    names = chance(rng, 0.35)
    for y in np.arange(top + 3, bottom - writer.rows, pitch * every):
        if chance(rng, 0.15):
            continue
        text = words(rng, 2) if names else str(int(rng.gamma(1.0, 400)))
        put(written, writer.line(text, rng, width=room), y, start + 4)


def _form(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    """Print a form, heading, fields, small print, and fill it by hand."""
    del layout
    rules, printed, written = (np.zeros((height, width), np.float32) for _ in range(3))
    unit = height / 1024
    bare = chance(rng, _BARE_SHARE)
    title = _letters(words(rng, int(rng.integers(1, 4))).upper(), uniform(rng, 14, 26) * unit, rng)
    put(printed, title, height * 0.04, max(0, (width - title.shape[1]) * uniform(rng, 0.1, 0.6)))
    if chance(rng, 0.3):  # small print fills the lower part
        body = typeset(rng, "book", width=width, height=height)
        body[: int(height * uniform(rng, 0.5, 0.75))] = 0
        np.maximum(printed, body, out=printed)
    size, y = uniform(rng, 8, 14) * unit, height * uniform(rng, 0.1, 0.16)
    writer = hand(rng, capital=uniform(rng, 9, 17) * unit, pen=uniform(rng, 0.9, 2.2))
    lifts = chance(rng, 0.4)
    sides = int(rng.integers(1, 3))
    end = height * uniform(rng, 0.4, 0.95)
    while y < end:
        for side in range(sides):
            left = width * (0.06 + 0.46 * side)
            text = _letters(words(rng, int(rng.integers(1, 4)))[:24] + ":", size, rng)
            put(printed, text, y, left)
            at, right = left + text.shape[1] + 6, width * (0.94 if sides == 1 else 0.5 + 0.46 * side)
            base = int(y + text.shape[0] + 2)
            if right - at < 30 * unit:
                continue
            if chance(rng, 0.6):
                cv2.line(rules, (int(at), base), (int(right), base), 1.0, 1)
            if not bare and chance(rng, 0.8):
                _fill(written, (at, right, base), _field_hand(writer, materials, rng, lifts=lifts), rng)
        y += size * uniform(rng, 1.7, 4.0)
    return Layers(rules, printed, written, "not filled" if bare else "filled")


def _field_hand(writer: Hand, materials: Materials, rng: np.random.Generator, *, lifts: bool) -> Field:
    """Return what is written in one field: lifted off a real page, or spelled."""
    if lifts and materials.hands:
        found = lifted(materials.hand_ink(rng), rng, width=uniform(rng, 0.1, 0.4), height=0.03, tries=2)
        if found is not None:
            return found
    text = words(rng, 3) if chance(rng, 0.6) else str(int(rng.gamma(1, 9000)))
    return writer.line(text, rng, width=int(len(text) * max(writer.advances.values())) + 8)


def _fill(written: Field, place: tuple[float, float, int], line: Field, rng: np.random.Generator) -> None:
    """Fill one field above its base line."""
    left, right, base = place
    room = (right - left) * uniform(rng, 0.5, 1.0)
    extent = np.flatnonzero(line.max(axis=0) > 0.2)
    line = line[:, : int(extent[-1]) + 3] if len(extent) else line
    line = resized(line, scale=min(1.3, room / line.shape[1], 40 / line.shape[0]))
    put(written, line, base - line.shape[0] * uniform(rng, 0.75, 0.95), left)


def _book_page(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    del layout, materials
    page = book_page(width, height, rng)
    return Layers(page.rules, np.zeros_like(page.rules), page.text, page.detail, page.red)


def _early_print(layout: str, width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    del layout, materials
    page = early_print(width, height, rng)
    return Layers(page.back, page.text, np.zeros_like(page.text), page.detail, page.red, "print")


def _of_any_layout(make: Callable[[int, int, Materials, np.random.Generator], Layers]) -> _Compose:
    return lambda _layout, width, height, materials, rng: make(width, height, materials, rng)


_Compose = Callable[[str, int, int, Materials, np.random.Generator], Layers]
#: How the layers of each kind are made.
LAYERS: Final[Mapping[str, _Compose]] = MappingProxyType({
    "hand-page": _hand_page, "type-page": _type_page, "register": _register, "form": _form,
    "book-page": _book_page, "early-print": _early_print, "annotated-slip": _of_any_layout(annotated_slip),
    "corrected": _of_any_layout(corrected), "till-slip": _of_any_layout(till_slip),
})  # fmt: skip
