"""Laying notes, slips, flags and clippings on a sheet: where, how large, how turned, and the shadow they cast."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    grain,
    over,
    shift,
    soften,
    to_pixels,
    uniform,
)
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.fastenings import clip_over, tape_over
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, matched
from imagefaulty.training.faults.stationery import clipping, flag, slip, sticky

_A4_WIDTH_MM = 210.0
#: Real formats, mm: width x height, and how often. 76 x 76 covers 36 % x 26 % of an A4 page.
_NOTE_SIZES_MM = ((76.0, 0.52), (51.0, 0.3), (38.0, 0.08), (102.0, 0.1))


def note_width(sheet: Sheet, rng: np.random.Generator) -> int:
    """Draw a sticky note's width in px; the sheet is taken to be A4 give or take a third."""
    sizes = [size for size, _ in _NOTE_SIZES_MM]
    size_mm = sizes[int(rng.choice(len(sizes), p=[share for _, share in _NOTE_SIZES_MM]))]
    sheet_mm = _A4_WIDTH_MM * float(np.clip(rng.normal(1.0, 0.18), 0.62, 1.5))
    return int(np.clip(size_mm / sheet_mm, 0.1, 0.6) * min(sheet.size))


def tilt(rng: np.random.Generator) -> float:
    """Draw a rotation in degrees: median 2.3, 90th percentile 8; now and then laid sideways."""
    degrees = float(rng.choice((-1, 1))) * float(rng.lognormal(np.log(2.3), 0.95))
    return float(np.clip(degrees, -38, 38)) + (90.0 * float(rng.choice((-1, 1))) if chance(rng, 0.05) else 0.0)


def _spot(sheet: Sheet, rng: np.random.Generator, *, overhang: float) -> Field:
    """Choose where the middle of a note goes; with chance ``overhang`` at the sheet's border."""
    if chance(rng, overhang):
        near = uniform(rng, -0.01, 0.07)
        along = uniform(rng, 0.08, 0.92)
        u, v = ((along, near), (1 - near, along), (along, 1 - near), (near, along))[int(rng.integers(4))]
        return sheet.point(u, v)
    return sheet.point(uniform(rng, 0.14, 0.86), uniform(rng, 0.1, 0.9))


def _moved(
    face: Field, middle: Field, degrees: float, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[Field, Window]:
    """Turn a face, bend its perspective a little, and put its middle at a page point; return RGBA and its window."""
    rows, columns = face.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    angle = np.deg2rad(degrees)
    spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    goal = (corners - corners.mean(axis=0)) @ spin.T + middle
    goal = goal + rng.normal(0, 0.008 * min(rows, columns), (4, 2)).astype(np.float32)
    low, high = goal.min(axis=0) - 30, goal.max(axis=0) + 30
    left, top = int(max(0, low[0])), int(max(0, low[1]))
    right, bottom = int(min(shape[1], high[0])), int(min(shape[0], high[1]))
    window = Window(left, top, max(left + 1, right), max(top + 1, bottom))
    matrix = cv2.getPerspectiveTransform(corners, (goal - (left, top)).astype(np.float32))
    size = (window.right - window.left, window.bottom - window.top)
    premultiplied = face.copy()
    premultiplied[..., :3] *= face[..., 3:] / 255
    flat = np.asarray(cv2.warpPerspective(premultiplied, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
    flat[..., :3] *= 255 / np.maximum(flat[..., 3:], 1)
    return flat, window


def _shadow(alpha: Field, rng: np.random.Generator, *, lift: float, hard: bool) -> Field:
    """Return the shadow of a note: a thin contact line all round, and a soft one where the free edge is lifted."""
    angle = uniform(rng, 0, 2 * np.pi)
    dx, dy = np.cos(angle), abs(np.sin(angle)) if chance(rng, 0.75) else np.sin(angle)
    contact = soften(shift(alpha, dx * 1.2, dy * 1.2), 1.0) * uniform(rng, 0.12, 0.4)
    if hard:  # a copier's lamp leaves a black line at one or two edges
        return np.asarray(np.clip(soften(shift(alpha, dx * 2.2, dy * 2.2), 0.6) * 1.4, 0, 1), np.float32)
    reach = 2 + 9 * lift
    low = np.linspace(0.25, 1, alpha.shape[0], dtype=np.float32)[:, None]
    soft = (
        soften(shift(alpha, dx * reach * 0.6, reach * 0.7 * dy), 1 + reach * 0.7)
        * low
        * uniform(rng, 0.12, 0.4)
        * min(1.0, lift + 0.3)
    )
    return np.asarray(1 - (1 - contact) * (1 - soft), np.float32)


def lay(
    sheet: Sheet, face: Field, middle: Field, degrees: float, rng: np.random.Generator, *, lift: float
) -> tuple[Sheet, Field]:
    """Lay a face (float32 RGBA) on the sheet; return the sheet and the face's mask over the page."""
    flat, window = _moved(face, middle, degrees, sheet.pixels.shape, rng)
    alpha = flat[..., 3] / 255
    solid = np.asarray(alpha > 0.05, np.float32) * np.maximum(alpha, 0)
    tile = sheet.pixels[window.slices].astype(np.float32)
    shade = _shadow(np.asarray(solid, np.float32), rng, lift=lift, hard=sheet.tone.bilevel)
    tile = tile * (1 - shade * (1 - solid))[..., None]
    # The scanner's light and white point fall on the note as on the page.
    white = float(np.clip(np.mean(sheet.tone.paper) / 240, 0.45, 1.05))
    cast = np.array(sheet.tone.paper, np.float32) / max(1.0, float(np.mean(sheet.tone.paper)))
    tinted = flat[..., :3] * (0.35 + 0.65 * white) * (0.75 + 0.25 * cast)
    tinted = tinted + grain(window.shape, rng, sheet.tone.noise * 0.8)[..., None]
    tile = over(np.asarray(tile, np.float32), np.asarray(tinted, np.float32), np.asarray(alpha, np.float32))
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(tile)
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = np.maximum(solid, (alpha > 0.05) * 0.5)
    return replace(sheet, pixels=matched(sheet, pixels, mask, rng)), mask


def _face(kind: str, sheet: Sheet, materials: Materials, rng: np.random.Generator) -> tuple[Field, str]:
    """Make the face of a note of the given kind, sized for the sheet."""
    side = min(sheet.size)
    if kind == "flag":
        return flag(
            rng,
            width=max(8, int(side * uniform(rng, 0.045, 0.085))),
            height=max(16, int(side * uniform(rng, 0.13, 0.24))),
        )
    if kind in {"slip", "clipping"}:
        width, height = _slip_size(side, rng)
        if kind == "slip":
            like = sheet.tone.paper if chance(rng, 0.3) else None
            return slip(materials, rng, width=width, height=height, like=like)
        return clipping(materials, rng, width=width, height=height)
    width = note_width(sheet, rng)
    if kind == "cut-out":
        real = materials.note(rng, at_least=int(width * 0.7))
        if real is not None:
            return _cut_out(real, width, rng), "real"
    return sticky(materials, rng, width=width)


def _slip_size(side: float, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a slip's size: card-like, a strip across the sheet, or a tall newspaper column."""
    form = str(rng.choice(("card", "strip", "column"), p=(0.62, 0.16, 0.22)))
    if form == "strip":
        width = int(side * uniform(rng, 0.55, 1.0))
        return width, max(24, int(width * uniform(rng, 0.08, 0.24)))
    if form == "column":
        width = int(side * uniform(rng, 0.13, 0.32))
        return width, max(24, int(min(width * uniform(rng, 1.4, 4.5), 1.05 * side)))
    width = int(side * uniform(rng, 0.16, 0.62))
    return width, max(24, int(width * uniform(rng, 0.28, 1.25)))


def _cut_out(real: np.ndarray, width: int, rng: np.random.Generator) -> Field:
    """Scale a photographed note, freshen its alpha edge, and vary its colour a little."""
    scale = width / real.shape[1]
    size = (width, max(8, int(real.shape[0] * scale)))
    face = np.asarray(
        cv2.resize(real, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.float32
    )
    face[..., 3] = np.clip(
        (soften(face[..., 3], 1.2) - 128) * 1.8 + 90, 0, 255
    )  # cut in a px: no halo of the wall behind
    hsv = cv2.cvtColor(np.clip(face[..., :3], 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV).astype(np.float32)
    value = float(np.median(hsv[..., 2]))
    hsv[..., 0] = (hsv[..., 0] + rng.normal(0, 3)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * uniform(rng, 0.6, 1.05), 0, 255)
    hsv[..., 2] = np.clip(hsv[..., 2] * np.clip(uniform(rng, 205, 250) / max(60.0, value), 0.9, 1.7), 0, 255)
    face[..., :3] = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return face


def note(sheet: Sheet, materials: Materials, rng: np.random.Generator, kind: str) -> Change:
    """Lay one to three notes of a kind: ``"cut-out"``, ``"sticky"``, ``"slip"``, ``"flag"`` or ``"clipping"``."""
    most = 5 if kind == "flag" else 3
    count = 1 + int(min(rng.geometric(0.72) - 1, most - 1))
    mask = np.zeros(sheet.cover.shape, np.float32)
    names = []
    for _ in range(count):
        face, name = _face(kind, sheet, materials, rng)
        overhang = 0.9 if kind == "flag" else 0.22
        degrees = tilt(rng)
        middle = _spot(sheet, rng, overhang=overhang)
        if kind == "flag":
            degrees += _outward(sheet, middle)
        lift = uniform(rng, 0.0, 1.0)
        sheet, laid = lay(sheet, face, middle, degrees, rng, lift=lift)
        sheet = _fastened(sheet, laid, kind, rng)
        mask = np.maximum(mask, laid)
        names.append(name)
    return Change(sheet, mask, " + ".join(names))


def _outward(sheet: Sheet, middle: Field) -> float:
    """Return the turn in degrees that points a flag's coloured end out of the nearest edge."""
    centre = sheet.quad.mean(axis=0)
    off = (middle - centre) / np.array(sheet.size)
    if abs(off[0]) > abs(off[1]):
        return -90.0 if off[0] > 0 else 90.0
    return 180.0 if off[1] > 0 else 0.0


def _fastened(sheet: Sheet, laid: Field, kind: str, rng: np.random.Generator) -> Sheet:
    """Hold a slip or clipping with tape or a paper clip now and then."""
    if kind == "flag" or not chance(rng, 0.4 if kind in {"slip", "clipping"} else 0.06):
        return sheet
    ys, xs = np.nonzero(laid > 0.5)
    if not len(ys):
        return sheet
    box = (int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max()))
    return tape_over(sheet, box, rng) if chance(rng, 0.6) else clip_over(sheet, box, rng)
