"""Copies on which the sheet's own outline shows within the picture, with a corner turned down or all corners whole."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.circumstances import without_bed
from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    fraction,
    grain,
    luminance,
    soften,
    uniform,
)
from imagefaulty.training.faults.copies import as_copy, specks, stroke, three, triangle, turned_flap
from imagefaulty.training.faults.corner_faults import any_corner
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, FoldLine, corner_line
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import CORNERS, Sheet

_GREY_SHARE = 0.25  # of the copies keep their greys


def _inset(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Copy the page a little smaller on white, so that the outline of the sheet lies within the picture."""
    sheet = without_bed(sheet)
    grey_copy = not sheet.tone.bilevel and chance(rng, _GREY_SHARE)
    if grey_copy:
        level = luminance(sheet.pixels) / max(60.0, float(np.mean(sheet.tone.paper)))
        grey = np.clip(255 * level ** uniform(rng, 1.0, 1.8) + uniform(rng, -4, 8), 0, 255)
        tone = replace(sheet.tone, colour=False, bilevel=False, paper=(250.0, 250.0, 250.0))
        sheet = replace(sheet, pixels=three(np.asarray(grey, np.float32)), tone=tone)
    else:
        sheet = as_copy(sheet, rng, ground=0.0)
    height, width = sheet.cover.shape
    scale = uniform(rng, 0.9, 0.99)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 0.4)), scale)
    turn[:, 2] += rng.uniform(-1, 1, 2) * np.array([width, height]) * (1 - scale) / 2
    grey = cv2.warpAffine(luminance(sheet.pixels), turn, (width, height), flags=cv2.INTER_AREA, borderValue=255)
    if not grey_copy:
        grey = soften(np.where(grey > 150, np.float32(255), np.float32(0)), 0.4)
    quad = np.asarray(cv2.transform(sheet.quad[None], turn)[0], np.float32)
    return replace(sheet, pixels=three(np.asarray(grey, np.float32)), quad=quad)


def _clutter(sheet: Sheet, rng: np.random.Generator) -> Field:
    """Return the copier's dirt, 0..1: specks that gather in places, ghosts of punch holes, lines along the edges."""
    shape = (sheet.cover.shape[0], sheet.cover.shape[1])
    black = np.zeros(shape, np.float32)
    if chance(rng, 0.7):
        thick = np.clip(
            clouds(shape, rng, period=max(shape) / uniform(rng, 2, 10)) * 1.5 - uniform(rng, 0.4, 1.3), 0, 1
        )
        black = np.asarray(specks(shape, rng, uniform(rng, 0.02, 0.25)) * (rng.random(shape) < thick), np.float32)
    if chance(rng, 0.4):
        black = np.maximum(black, specks(shape, rng, uniform(rng, 0.0005, 0.012)))
    radius = max(3, int(uniform(rng, 0.008, 0.014) * sheet.size[0]))
    if chance(rng, 0.6):
        ghost = np.zeros(shape, np.uint8)
        middle, apart, low = uniform(rng, 0.35, 0.65), uniform(rng, 0.08, 0.22), uniform(rng, 0.015, 0.05)
        for x, y in (sheet.point(middle + side * apart, low) for side in (-1, 1)):
            for ring in range(int(rng.integers(1, 3))):
                first = uniform(rng, 0, 360)
                cv2.ellipse(ghost, (int(x), int(y)), (radius + 3 * ring, radius + 3 * ring), 0, first,
                            first + uniform(rng, 60, 220), 255, int(rng.integers(1, 3)), cv2.LINE_AA)  # fmt: skip
        black = np.maximum(black, fraction(ghost))
    return black


def _edge_lines(sheet: Sheet, rng: np.random.Generator, cut: dict[int, Field]) -> Field:
    """Return shadows along the sheet's edges: the left one mostly, from corner to corner or in part.

    Args:
        sheet: The copy.
        rng: Source of chance.
        cut: Of a turned corner, where each edge (0..3 clockwise from the top) now ends instead of at that corner.
    """
    black = np.zeros(sheet.cover.shape, np.float32)
    for edge, share in enumerate((0.2, 0.2, 0.3, 0.65)):
        if not chance(rng, share):
            continue
        start, end = sheet.quad[edge], sheet.quad[(edge + 1) % 4]
        if edge in cut:
            near_start = np.linalg.norm(cut[edge] - start) < np.linalg.norm(cut[edge] - end)
            start, end = (cut[edge], end) if near_start else (start, cut[edge])
        if chance(rng, 0.5):  # it fades towards one end
            part = uniform(rng, 0.15, 0.9)
            keep_end = chance(rng, 0.5) if edge not in cut else bool(np.allclose(end, cut[edge]))
            start, end = (end + (start - end) * part, end) if keep_end else (start, start + (end - start) * part)
        line = stroke(sheet.pixels.shape, start, end, rng, uniform(rng, 0.8, 4.0))
        black = np.maximum(black, line)
    return black


def _printed(sheet: Sheet, grey: Field, black: Field, rng: np.random.Generator) -> Field:
    """Let toner fall where ``black`` says: full black, or paler on a copy in greys."""
    toner = uniform(rng, 0.3, 0.85) if not sheet.tone.bilevel else 1.0
    return np.asarray(grey * (1 - toner * soften(black, 0.4)), np.float32)


def _fold_marks(sheet: Sheet, line: FoldLine, corner: int, rng: np.random.Generator) -> Field:
    """Return the marks of the turn: a line that swells at one end, may run on past the edge, or has a wedge beside."""
    shape = sheet.pixels.shape
    ends = [line.start, line.end] if chance(rng, 0.5) else [line.end, line.start]
    ahead = (ends[1] - ends[0]) / max(1.0, line.length)
    past = line.length * (uniform(rng, 0.04, 0.2) if chance(rng, 0.3) else 0.0)
    black = stroke(shape, ends[0], ends[1] + ahead * past, rng, uniform(rng, 1.0, 2.8))
    if chance(rng, 0.45):
        half = line.normal * uniform(rng, 1.0, 3.0)
        far = ends[0] + ahead * line.length * uniform(rng, 0.15, 0.6)
        black = np.maximum(black, triangle(shape, ends[0] - half, ends[0] + half, np.asarray(far, np.float32)))
    if chance(rng, 0.25):  # the shadow under the turned paper, between the bend and where the corner was
        tip = sheet.quad[corner]
        top = ends[0] + (tip - ends[0]) * uniform(rng, 0.6, 1.0)
        aside = top + ahead * uniform(rng, 4, 14)
        black = np.maximum(black, triangle(shape, ends[0], np.asarray(top, np.float32), np.asarray(aside, np.float32)))
    return np.asarray(black, np.float32)


def copy_corner(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Copy a sheet with a corner turned down: a thin line across, white beyond, the edge's shadow from the bend on."""
    del materials
    sheet = _inset(sheet, rng)
    corner = any_corner(rng)
    across = uniform(rng, 0.07, 0.25)
    line = corner_line(sheet, corner, across, float(np.clip(across * uniform(rng, 0.3, 1.0), 0.035, 0.18)))
    # An edge is met by the line's end that lies on it: the level edge by its start, the upright one by its end.
    level_edge, upright_edge = (0 if corner in (0, 1) else 2), (3 if corner in (0, 3) else 1)
    black = np.maximum(_clutter(sheet, rng), _edge_lines(sheet, rng, {level_edge: line.start, upright_edge: line.end}))
    before = _printed(sheet, luminance(sheet.pixels), black, rng)
    tip = sheet.quad[corner]
    beyond = np.asarray(tip + (tip - (line.start + line.end) / 2) * 0.2, np.float32)
    gap = triangle(sheet.pixels.shape, line.start, line.end, beyond)
    level = 255.0 if sheet.tone.bilevel or chance(rng, 0.5) else uniform(rng, 205, 250)
    blank = np.full(gap.shape, level, np.float32)
    if chance(rng, 0.35):
        size = (gap.shape[0], gap.shape[1])
        blank = np.asarray(blank * (1 - specks(size, rng, uniform(rng, 0.01, 0.12))), np.float32)
    grey = before * (1 - gap) + blank * gap
    marks = _fold_marks(sheet, line, corner, rng)
    mask = np.maximum(gap, cv2.dilate(marks, np.ones((3, 3), np.uint8)))
    style = "line"
    if chance(rng, 0.2):
        style = "flap"
        folded, flap = turned_flap(sheet.pixels.shape, line, tip, rng)
        grey = grey * (1 - flap) + 255 * flap
        mask = np.maximum(mask, flap)
        for end in (line.start, line.end):
            marks = np.maximum(marks, stroke(sheet.pixels.shape, end, folded, rng, uniform(rng, 0.7, 1.8)))
    grey = _printed(sheet, np.asarray(grey, np.float32), np.asarray(marks, np.float32), rng)
    return Change(_grained(sheet, grey, rng), np.asarray(mask, np.float32), f"{style}/{CORNERS[corner]}", three(before))


def _grained(sheet: Sheet, grey: Field, rng: np.random.Generator) -> Sheet:
    if not sheet.tone.bilevel:
        grey = np.asarray(grey + grain(grey.shape, rng, uniform(rng, 0.5, 3)), np.float32)
    return replace(sheet, pixels=three(grey))


def whole_copy(sheet: Sheet, rng: np.random.Generator) -> Change:
    """Copy a sheet whose outline shows and whose corners are whole, at times with the line of a fold right across."""
    sheet = _inset(sheet, rng)
    black = np.maximum(_clutter(sheet, rng), _edge_lines(sheet, rng, {}))
    if chance(rng, 0.3):
        at = uniform(rng, 0.25, 0.75)
        ends = ((0.0, at), (1.0, at + 0.01)) if chance(rng, 0.7) else ((at, 0.0), (at + 0.01, 1.0))
        start, end = (sheet.point(*share) for share in ends)
        line = stroke(sheet.pixels.shape, start, end, rng, uniform(rng, 0.8, 1.8))
        black = np.maximum(black, line)
    grey = _printed(sheet, luminance(sheet.pixels), np.asarray(black, np.float32), rng)
    return Change(_grained(sheet, grey, rng), np.zeros(sheet.cover.shape, np.float32), "copy")
