"""Black-and-white copies: pages thresholded with a noisy ground, and folds, slips and cards as copiers show them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from imagefaulty.training.faults.blanks import blank_page
from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    fraction,
    grain,
    luminance,
    over,
    soften,
    to_pixels,
    uniform,
    wavy,
)
from imagefaulty.training.faults.corner_faults import any_corner
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.folds import Change, FoldLine, corner_line
from imagefaulty.training.faults.handwriting import handwriting, printing, resized
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import CORNERS, Sheet


def specks(shape: tuple[int, int], rng: np.random.Generator, density: float) -> Field:
    """Return the copier's dirt: float32 (h, w), 1 where black; ``density`` is the share of black, uneven."""
    period = max(shape) * uniform(rng, 0.25, 0.8)
    uneven = np.clip(density * (1 + uniform(rng, 0.1, 0.9) * clouds(shape, rng, period=period)), 0, 0.6)
    if chance(rng, 0.4):  # bands down the page, as drums leave them
        uneven = uneven * (0.8 + 0.4 * wavy(shape[1], rng, period=shape[1] / 8, octaves=3))[None]
    if chance(rng, 0.3):
        uneven = uneven * (0.75 + 0.5 * (wavy(shape[0], rng, period=5, octaves=2) > 0))[:, None]
    field = rng.random(shape, dtype=np.float32)
    if density > 0.04 and chance(rng, 0.6):  # specks of two px
        field = cv2.resize(field[::2, ::2], (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(field < uneven, np.float32)


def as_copy(sheet: Sheet, rng: np.random.Generator, *, ground: float | None = None) -> Sheet:
    """Turn a page into a copy of black and white, with specks on the ground (``ground`` is the share of black)."""
    grey = luminance(sheet.pixels)
    if not sheet.tone.bilevel:
        paper = cv2.blur(grey, (71, 71))
        share = uniform(rng, 0.66, 0.84)
        light = sheet.cover > 0.5
        black = np.where(light, (grey + grain(grey.shape, rng, 5) < paper * share) & (grey < 190), grey < 110)
        grey = np.where(black, np.float32(0), np.float32(255))
    if ground is None:
        ground = 0.0 if chance(rng, 0.45) else float(np.clip(rng.lognormal(np.log(0.012), 1.0), 0.001, 0.15))
    if ground > 0:
        grey = grey * (1 - specks((grey.shape[0], grey.shape[1]), rng, ground))
    tone = replace(sheet.tone, colour=False, bilevel=True, paper=(255.0, 255.0, 255.0), noise=0.0)
    return replace(sheet, pixels=three(soften(np.asarray(grey, np.float32), 0.45)), tone=tone)


def three(grey: Field) -> Pixels:
    """Return grey levels as an RGB image."""
    return to_pixels(np.repeat(grey[..., None], 3, axis=2))


def stroke(shape: tuple[int, ...], start: Field, end: Field, rng: np.random.Generator, thick: float) -> Field:
    """Return a straight line that a copier broke up: black where ink took, with gaps and specks."""
    steps = 14
    t = np.linspace(0, 1, steps)[:, None]
    points = start + (end - start) * t + rng.normal(0, 0.5, (steps, 2))
    mask = np.zeros(shape[:2], np.uint8)
    for first, last in pairwise(points):
        wide = max(1, round(thick * uniform(rng, 0.5, 1.4)))
        ends = [tuple(int(v * 8) for v in point) for point in (first, last)]
        cv2.line(mask, ends[0], ends[1], 255, wide, cv2.LINE_AA, 3)
    worn = rng.random(shape[:2], dtype=np.float32) < uniform(rng, 0.75, 1.0)
    return np.asarray(fraction(mask) * worn, np.float32)


def triangle(shape: tuple[int, ...], *points: Field) -> Field:
    """Return a filled polygon, mostly of three points (x, y), as a mask of ``shape``."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.stack(points) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return fraction(mask)


def turned_flap(shape: tuple[int, ...], line: FoldLine, tip: Field, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return where the ``tip`` of a turned corner comes to lie, and the flap as a mask of ``shape``."""
    folded = cv2.transform(tip[None, None], line.mirror(uniform(rng, 0.6, 1.0)))[0, 0].astype(np.float32)
    return folded, triangle(shape, line.start, line.end, folded)


def copy_fold(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Fold a corner of a copy: a black or speckled triangle, a line across, or the flap's outline with its gap."""
    del materials
    sheet = as_copy(sheet, rng)
    corner = any_corner(rng)
    across = uniform(rng, 0.05, 0.24)
    line = corner_line(sheet, corner, across, float(np.clip(across * uniform(rng, 0.4, 1.6), 0.04, 0.28)))
    tip = sheet.quad[corner].astype(np.float32)
    grey, shape = luminance(sheet.pixels), sheet.pixels.shape
    gap = triangle(shape, line.start, line.end, tip)
    mask = gap
    style = str(rng.choice(("black", "line", "flap", "blank"), p=(0.27, 0.3, 0.28, 0.15)))
    black = np.zeros(shape[:2], np.float32)
    size = (shape[0], shape[1])
    if style == "black":
        white = specks(size, rng, uniform(rng, 0.0, 0.4))
        black = gap * (1 - white)
    elif style == "line":
        black = np.maximum(black, _wedge(shape, line, tip, rng))
    else:
        dark = style == "flap" and chance(rng, 0.6)
        grey = grey * (1 - gap) + gap * 255 * (0 if dark else 1) + gap * specks(size, rng, 0.06) * 255 * dark
    if style == "flap":
        folded, flap = turned_flap(shape, line, tip, rng)
        grey = grey * (1 - flap) + 255 * flap
        mask = np.maximum(mask, flap)
        for end in (line.start, line.end):
            if chance(rng, 0.85):
                black = np.maximum(black, stroke(shape, end, folded, rng, uniform(rng, 0.8, 2.6)))
    if style != "black" or chance(rng, 0.3):
        black = np.maximum(black, stroke(shape, line.start, line.end, rng, uniform(rng, 0.9, 3.2)))
    grey = grey * (1 - soften(np.asarray(black, np.float32), 0.4))
    return Change(
        replace(sheet, pixels=three(np.asarray(grey, np.float32))), mask, f"{style}/{CORNERS[corner]}", sheet.pixels
    )


def _wedge(shape: tuple[int, ...], line: FoldLine, tip: Field, rng: np.random.Generator) -> Field:
    """Return what a pressed-flat corner leaves outside its line: nothing, specks, or a thin black wedge at an edge."""
    way = int(rng.integers(3))
    if way == 0:
        return np.zeros(shape[:2], np.float32)
    if way == 1:
        dirt = specks((shape[0], shape[1]), rng, uniform(rng, 0.02, 0.2))
        return np.asarray(triangle(shape, line.start, line.end, tip) * dirt, np.float32)
    end = line.start if chance(rng, 0.5) else line.end
    other = tip + ((line.start + line.end) / 2 - tip) * uniform(rng, 0.1, 0.4)
    return triangle(shape, end, tip, np.asarray(other, np.float32))


def _card(shape: tuple[int, int], materials: Materials, rng: np.random.Generator) -> tuple[Field, str]:
    """Return the face of a card or slip, white 255 with black text, and how it is written."""
    rows, columns = shape
    face = np.full(shape, 255, np.float32)
    style = str(rng.choice(("typed", "hand", "ruled", "bare"), p=(0.45, 0.33, 0.14, 0.08)))
    if style == "ruled":
        pitch = int(rng.integers(9, 20))
        face[pitch::pitch] = 0
    if style != "bare":
        source = printing if style == "typed" else handwriting
        text = source(materials, rng, width=uniform(rng, 0.2, 0.6), height=uniform(rng, 0.04, 0.2))
        text = resized(text, scale=min(0.86 * columns / text.shape[1], 0.85 * rows / text.shape[0], 1.3))
        top = int(uniform(rng, 0.1, 0.6) * (rows - text.shape[0]))
        left = int(uniform(rng, 0.1, 0.6) * (columns - text.shape[1]))
        part = face[top : top + text.shape[0], left : left + text.shape[1]]
        part[:] = np.minimum(part, np.where(text > 0.4, 0, 255))
    return face, style


def copy_slip(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Copy a page with a card, slip or clipping on it: white or speckled, with black lines at one to four sides."""
    empty = chance(rng, 0.4)
    if empty:
        page = blank_page(materials, rng)
        page = np.asarray(cv2.resize(page, sheet.pixels.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
        bare = to_pixels(over(sheet.pixels.astype(np.float32), page.astype(np.float32), sheet.cover))
        sheet = replace(sheet, pixels=bare, tone=replace(sheet.tone, bilevel=False))
    ground = uniform(rng, 0.03, 0.45 if empty else 0.15) if chance(rng, 0.5) else None
    sheet = as_copy(sheet, rng, ground=ground)
    grey = luminance(sheet.pixels)
    whole = np.zeros(grey.shape, np.float32)
    names = []
    for _ in range(1 + int(chance(rng, 0.2))):
        width = int(sheet.size[0] * uniform(rng, 0.2, 0.72))
        height = max(24, min(int(width * uniform(rng, 0.25, 1.1)), int(0.6 * sheet.size[1])))
        face, name = _card((height, width), materials, rng)
        if chance(rng, 0.3):
            face = face * (1 - specks((height, width), rng, uniform(rng, 0.01, 0.3)))
        middle = sheet.point(uniform(rng, 0.3, 0.7), uniform(rng, 0.2, 0.8))
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 1.6)), 1.0)
        turn[:, 2] += (middle[0] - width / 2, middle[1] - height / 2)
        size = (grey.shape[1], grey.shape[0])
        mask = np.asarray(cv2.warpAffine(np.ones((height, width), np.float32), turn, size), np.float32)
        layer = cv2.warpAffine(np.asarray(face, np.float32), turn, size, borderMode=cv2.BORDER_REPLICATE)
        grey = grey * (1 - mask) + layer * mask
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        corners = np.asarray(cv2.transform(corners[None], turn)[0], np.float32)
        lined = int(rng.integers(1, 5)) if ground is None else int(rng.integers(0, 5))
        for side in rng.permutation(4)[:lined]:
            thick = uniform(rng, 1.0, 4.5)
            grey = grey * (1 - stroke(sheet.pixels.shape, corners[side], corners[(side + 1) % 4], rng, thick))
        whole = np.maximum(whole, mask)
        names.append(name)
    grey = soften(np.asarray(grey, np.float32), 0.35)
    return Change(
        replace(sheet, pixels=three(grey)), whole, " + ".join(names) + ("/empty" if empty else ""), sheet.pixels
    )


def copied(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Copy a sound page: the twin of the above, with specks, long lines near the edges and ghosts of punch holes."""
    del materials
    sheet = as_copy(sheet, rng, ground=uniform(rng, 0.002, 0.14) if chance(rng, 0.5) else None)
    grey, shape = luminance(sheet.pixels), sheet.pixels.shape
    black = np.zeros(shape[:2], np.float32)
    for _ in range(int(rng.integers(0, 4))):  # the sheet's own edge, seen as a line from end to end
        near = uniform(rng, 0.004, 0.05)
        near = near if chance(rng, 0.5) else 1 - near
        ends = ((near, -0.02), (near, 1.02)) if chance(rng, 0.6) else ((-0.02, near), (1.02, near))
        start, end = (sheet.point(*at) for at in ends)
        black = np.maximum(black, stroke(shape, start, end, rng, uniform(rng, 0.8, 6)))
    for _ in range(int(rng.integers(0, 4))):
        x, y = sheet.point(uniform(rng, 0.05, 0.95), uniform(rng, 0.01, 0.06))
        ghost = np.zeros(shape[:2], np.uint8)
        first = uniform(rng, 0, 360)
        radius = max(3, int(0.012 * sheet.size[0]))
        cv2.ellipse(ghost, (int(x), int(y)), (radius, radius), 0, first, first + uniform(rng, 90, 360), 255,
                    -1 if chance(rng, 0.4) else 1, cv2.LINE_AA)  # fmt: skip
        black = np.maximum(black, fraction(ghost))
    grey = grey * (1 - soften(black, 0.4))
    nothing = np.zeros(shape[:2], np.float32)
    return Change(replace(sheet, pixels=three(np.asarray(grey, np.float32))), nothing, "")
