"""Both hands on one page: handwriting on typed pages, print on handwritten ones, with the mask of what was added."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.additions import ADDITIONS, at, limited
from imagefaulty.training.faults.compositing import Window, chance, grain, soften, to_pixels, uniform
from imagefaulty.training.faults.copies import as_copy
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.handwriting import pen, printing
from imagefaulty.training.faults.marks import emptiest, inked
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.small_hands import SMALL_ADDITIONS, initials, number, print_pen, stamp_form

_SMALL_SHARE, _COPY_SHARE, _STAMP_SHARE = 0.6, 0.2, 0.1


def _placed(
    sheet: Sheet,
    mask: Field,
    patch: tuple[Field, Window],
    ink_of_pen: tuple[str, tuple[float, float, float], float],
    rng: np.random.Generator,
) -> tuple[Sheet, Field]:
    """Write a patch (alpha, and the window at whose top left it goes) and add it to the mask."""
    alpha, window = patch
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


def handwriting_on_typed(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Write on a typed page: small things in three of five cases, else notes, signatures, fields, remarks, paragraphs.

    A fifth of the pages are copied in black and white first, so that print and hand are equally black.
    """
    if not sheet.tone.bilevel and chance(rng, _COPY_SHARE):
        sheet = as_copy(sheet, rng)
    bare = sheet.pixels
    small = chance(rng, _SMALL_SHARE)
    additions = SMALL_ADDITIONS if small else ADDITIONS
    dark = small or sheet.tone.bilevel
    kinds = list(additions)
    shares = [share for _, share, _, _ in additions.values()]
    mask = np.zeros(sheet.cover.shape, np.float32)
    names: list[str] = []
    one_pen = print_pen(sheet, rng) if dark else pen(rng)
    if small and chance(rng, _STAMP_SHARE):
        sheet, mask = _filled_stamp(sheet, mask, materials, rng)
        names.append("filled stamp")
    for _ in range(int(rng.choice((1, 2, 3, 4), p=(0.42, 0.3, 0.18, 0.1)))):
        kind = kinds[int(rng.choice(len(kinds), p=shares))]
        make, _, least, most = additions[kind]
        with_pen = one_pen if chance(rng, 0.6) else print_pen(sheet, rng) if dark else pen(rng)
        for _ in range(int(rng.integers(least, most + 1))):
            sheet, mask = _placed(sheet, mask, make(sheet, materials, rng), with_pen, rng)
        names.append(kind)
        if small and chance(rng, 0.45):
            break
    return Change(sheet, grown(mask), " + ".join(names), bare)


def _filled_stamp(sheet: Sheet, mask: Field, materials: Materials, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Stamp the page and fill the stamp in by hand: a date, initials, a number."""
    (impression, window), field = stamp_form(sheet, rng)
    colour = (96.0, 50.0, 120.0) if chance(rng, 0.5) else (44.0, 42.0, 52.0)
    sheet = inked(sheet, np.asarray(impression * uniform(rng, 0.5, 0.95), np.float32), window, colour, rng)
    make = number if chance(rng, 0.6) else initials
    alpha, _ = make(sheet, materials, rng)
    return _placed(sheet, mask, (alpha, field), print_pen(sheet, rng), rng)


def print_on_handwritten(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print on a handwritten page: a letterhead, the lines of a form, a typed note at the foot."""
    kind = str(rng.choice(("letterhead", "form", "typed note"), p=(0.45, 0.3, 0.25)))
    if kind == "letterhead":
        sheet = _with_head_room(sheet, rng)
    mask = np.zeros(sheet.cover.shape, np.float32)
    black = ("print", (40.0, 38.0, 42.0) if chance(rng, 0.7) else (60.0, 50.0, 110.0), uniform(rng, 0.75, 1.0))
    if kind == "letterhead":
        text = printing(materials, rng, width=uniform(rng, 0.3, 0.6), height=uniform(rng, 0.05, 0.11))
        text = limited(text, sheet, uniform(rng, 0.3, 0.75), 0.12, grow=1.7)
        place = at(sheet, text, uniform(rng, 0.3, 0.7), uniform(rng, 0.05, 0.1))
        sheet, mask = _placed(sheet, mask, (text, place), black, rng)
    elif kind == "form":
        for v in np.linspace(uniform(rng, 0.1, 0.25), uniform(rng, 0.6, 0.92), int(rng.integers(4, 11))):
            text = printing(materials, rng, width=uniform(rng, 0.12, 0.28), height=0.022)
            text = limited(text, sheet, 0.32, 0.025, grow=1.2)
            sheet, mask = _placed(sheet, mask, (text, at(sheet, text, uniform(rng, 0.12, 0.3), float(v))), black, rng)
    else:
        text = printing(materials, rng, width=uniform(rng, 0.25, 0.6), height=uniform(rng, 0.03, 0.14))
        text = limited(text, sheet, uniform(rng, 0.3, 0.8), 0.2, grow=1.4)
        sheet, mask = _placed(sheet, mask, (text, emptiest(sheet, text.shape, rng)), black, rng)
    return Change(sheet, grown(mask), kind)


def _with_head_room(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Squeeze a handwritten page that fills the image, so that blank paper is left at its head for a letterhead."""
    if sheet.framed or chance(rng, 0.25):
        return sheet
    height, width = sheet.cover.shape
    room = int(height * uniform(rng, 0.1, 0.17))
    body = cv2.resize(sheet.pixels, (width, height - room), interpolation=cv2.INTER_AREA)
    # The paper's own colour per column, smoothed, continues upwards with its grain.
    first = np.percentile(body[: max(24, room // 2)], 75, axis=0).astype(np.float32)
    first = cv2.blur(first[None], (61, 1))
    head = np.repeat(first, room, axis=0) + grain((room, width), rng, sheet.tone.noise)[..., None]
    return replace(sheet, pixels=np.concatenate([to_pixels(np.asarray(head, np.float32)), np.asarray(body, np.uint8)]))


def grown(mask: Field) -> Field:
    """Grow strokes into the patch that they form, so that cells of a coarse map count as written on."""
    return np.asarray(soften(cv2.dilate((mask > 0.3).astype(np.float32), np.ones((7, 7), np.uint8)), 1.0), np.float32)
