"""Old letters as archives keep them: folded, soiled and mounted, either tattered or, as their twins, whole.

Both are aged and laid out by the same steps with the same chances, so that only lost or turned paper tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.circumstances import uneven_edge, without_bed
from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    clouds,
    luminance,
    soften,
    to_pixels,
    uniform,
    wavy,
    window_around,
)
from imagefaulty.training.faults.copy_corners import whole_copy
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, FoldLine, corner_line, fold
from imagefaulty.training.faults.loose import RELAID_SHARE, laid_out, with_bed
from imagefaulty.training.faults.materials import Bed, Materials
from imagefaulty.training.faults.sheet import Sheet, matched
from imagefaulty.training.faults.tears import EdgeFrame, torn_away

#: Lower corners of letters suffer most, the right ones more than the left ones, which a guard holds.
_CORNERS: Final = (0.14, 0.22, 0.4, 0.24)
_EDGES: Final = (0.14, 0.36, 0.32, 0.18)
_FINE: Final = 900  # steps along an edge
_SLOPE: Final = 140  # px from a fold at which its shading has faded
_COARSE: Final = 3  # px, for soil has no fine detail
_SOIL: Final = np.array([0.72, 0.56, 0.38], np.float32)


@dataclass(frozen=True, slots=True)
class _Folds:
    """Where a letter was folded, as shares of the sheet's height and of its width."""

    level: tuple[float, ...]
    upright: tuple[float, ...]

    def along(self, edge: int) -> tuple[float, ...]:
        """Return where the folds meet ``edge`` (0..3 clockwise from the top), as shares of its clockwise length."""
        shares = self.upright if edge in (0, 2) else self.level
        return shares if edge in (0, 1) else tuple(1 - share for share in shares)


def _whole(sheet: Sheet) -> Window:
    return Window(0, 0, sheet.cover.shape[1], sheet.cover.shape[0])


def _line(sheet: Sheet, at: float, *, level: bool) -> FoldLine:
    start, end = ((0.0, at), (1.0, at)) if level else ((at, 0.0), (at, 1.0))
    outer = sheet.point(0.5, 1.5) if level else sheet.point(1.5, 0.5)
    return FoldLine.through(sheet.point(*start), sheet.point(*end), outer, "middle")


def _folds(rng: np.random.Generator) -> _Folds:
    """Choose the folds of a posted letter: into halves or thirds, once or both ways, or none."""
    level = tuple(np.linspace(0, 1, int(rng.integers(1, 4)) + 2)[1:-1]) if chance(rng, 0.65) else ()
    upright = tuple(np.linspace(0, 1, int(rng.integers(1, 3)) + 2)[1:-1]) if chance(rng, 0.4) else ()
    return _Folds(*(tuple(float(share + rng.normal(0, 0.02)) for share in part) for part in (level, upright)))


def _fold_relief(sheet: Sheet, folds: _Folds, rng: np.random.Generator) -> Field:
    """Return the shading of old folds, softer than a fresh crease: a slope of light and a faint, worn line."""
    relief = np.zeros(sheet.cover.shape, np.float32)
    worn = np.clip(0.75 + 0.6 * clouds(_whole(sheet).shape, rng, period=max(relief.shape) / 5), 0.1, 1.2)
    for level, shares in ((True, folds.level), (False, folds.upright)):
        for share in shares:
            line = _line(sheet, share, level=level)
            window = window_around(np.stack([line.start, line.end]), relief.shape, _SLOPE)
            away = line.distance(window, rng, uniform(rng, 0.0, 0.004) * line.length)
            slope = np.exp(-np.abs(away) / uniform(rng, 8, 40)) * np.tanh(away / 3) * uniform(rng, -0.06, 0.06)
            thin = np.exp(-((away / uniform(rng, 0.9, 2.4)) ** 2)) * uniform(rng, -0.05, 0.22)
            relief[window.slices] += np.asarray(slope + thin, np.float32) * worn[window.slices]
    return relief


def _soil(sheet: Sheet, corner: int, rng: np.random.Generator) -> Field:
    """Return where the sheet is browned, 0..1: its rim, one edge, and around ``corner``, as hands and damp leave it."""
    rows, columns = sheet.cover.shape
    shape = (-(-rows // _COARSE), -(-columns // _COARSE))
    y, x = np.indices(shape, np.float32) * _COARSE
    rough = clouds(shape, rng, period=max(shape) / uniform(rng, 5, 14), octaves=4)
    soil = np.zeros(shape, np.float32)
    for edge in range(4):
        rim = uniform(rng, 0.0, 0.28) if chance(rng, 0.5) else 0.0
        reach = uniform(rng, 0.004, 0.03) * min(sheet.size)
        if chance(rng, 0.12):  # a band along the edge that lay outside in the bundle
            rim, reach = uniform(rng, 0.3, 1.0), uniform(rng, 0.015, 0.06) * min(sheet.size)
        start, end = sheet.quad[edge], sheet.quad[(edge + 1) % 4]
        ahead = (end - start) / max(1.0, float(np.linalg.norm(end - start)))
        into = np.maximum(0, (y - start[1]) * ahead[0] - (x - start[0]) * ahead[1])
        soil = np.maximum(soil, rim * np.exp(-into / reach) * np.clip(0.7 + 1.1 * rough, 0, 1.4))
    if chance(rng, 0.55):
        away = np.hypot(x - sheet.quad[corner][0], y - sheet.quad[corner][1])
        reach = uniform(rng, 0.03, 0.16) * min(sheet.size)
        soil = np.maximum(soil, uniform(rng, 0.15, 0.8) * np.clip(1.5 - away / reach + 1.2 * rough, 0, 1))
    soil = cv2.resize(np.clip(soil, 0, 1), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soil, np.float32)


def _aged(sheet: Sheet, folds: _Folds, corner: int, rng: np.random.Generator) -> Sheet:
    """Press the folds in and soil the sheet; whole letters and tattered ones alike."""
    dark = _fold_relief(sheet, folds, rng)[..., None] + _soil(sheet, corner, rng)[..., None] * (1 - _SOIL)
    dark = dark * sheet.cover[..., None]
    pixels = to_pixels(np.asarray(sheet.pixels * (1 - np.clip(dark, -0.1, 0.9)), np.float32))
    if sheet.tone.bilevel:
        return sheet
    return replace(sheet, pixels=matched(sheet, pixels, np.ones(sheet.cover.shape, np.float32), rng))


def _mounted(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Choose what the letter lies on; at times that is a larger leaf of paper, or a strap leads over the bed."""
    if sheet.framed:
        return sheet
    sheet = with_bed(sheet, materials, rng)
    if sheet.tone.bilevel:
        return sheet
    height, width = sheet.cover.shape
    bed = sheet.bed.pixels.astype(np.float32)
    if chance(rng, 0.3):
        sides = np.array([uniform(rng, -0.05, 0.12) for _ in range(4)]) * (width, height, width, height)
        left, top, right, low = (int(side) for side in sides)
        leaf = np.zeros((height, width), np.float32)
        leaf[max(0, top) : height - max(0, low), max(0, left) : width - max(0, right)] = 1
        paper = np.array(sheet.tone.paper, np.float32) * uniform(rng, 0.88, 1.06) + rng.normal(0, 3, 3)
        shade = (soften(leaf, 2.5) * (1 - leaf))[..., None] * uniform(rng, 0.1, 0.4)
        rough = clouds((height, width), rng, period=width / 3)[..., None] * 2
        bed = np.asarray(bed * (1 - shade) + (np.clip(paper, 0, 252) + rough - bed) * leaf[..., None], np.float32)
    if chance(rng, 0.1):
        at, wide = int(uniform(rng, 0.05, 0.95) * width), max(3, int(uniform(rng, 0.008, 0.03) * width))
        bed[:, at : at + wide] = uniform(rng, 25, 90) if chance(rng, 0.6) else uniform(rng, 215, 250)
    if not sheet.tone.colour:
        bed = np.repeat(luminance(bed)[..., None], 3, axis=2)
    return replace(sheet, bed=Bed(sheet.bed.name, to_pixels(np.asarray(bed, np.float32))))


def _taken(sheet: Sheet, mask: Field, edge: int, depth: Field, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Take paper off an edge, as deep as ``depth`` says (shares of the sheet), roughened as fibres break."""
    across = sheet.size[1 - edge % 2]
    frame = EdgeFrame.at(sheet, edge, float(depth.max()) * across + 40)
    count = int(frame.length) + 3
    px = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(depth)), depth).astype(np.float32) * frame.across
    rough = wavy(count, rng, period=uniform(rng, 7, 30), octaves=4) * uniform(rng, 0.4, 2.2)
    px = np.maximum(0, px + (px > 0.6) * rough).astype(np.float32)
    sheet, gone = torn_away(sheet, frame.window, frame.missing(px), rng)
    return sheet, np.maximum(mask, gone)


def _bump(t: Field, middle: float, half: float, sharp: float) -> Field:
    return np.asarray(np.clip(1 - np.abs(t - middle) / half, 0, 1) ** sharp, np.float32)


def _frays(t: Field, rng: np.random.Generator) -> Field:
    """Return the tatters of one edge: worn off in waves, with a few bits out, thick in one stretch, none in another."""
    depth = np.maximum(0, wavy(len(t), rng, period=len(t) * uniform(rng, 0.1, 0.5), octaves=5)) * uniform(
        rng, 0.005, 0.024
    )
    depth = depth * uniform(rng, 1.2, 2.6) ** (wavy(len(t), rng, period=len(t) * 0.4, octaves=1) + 0.3)
    around, spread = uniform(rng, 0, 1), uniform(rng, 0.08, 0.5)
    for _ in range(int(rng.integers(1, 10))):
        middle, deep = float(rng.normal(around, spread)), uniform(rng, 0.003, 0.02)
        depth = np.maximum(depth, deep * _bump(t, middle, deep * uniform(rng, 0.4, 4.0), uniform(rng, 0.5, 1.8)))
    return np.asarray(depth, np.float32)


def _steps(t: Field, rng: np.random.Generator) -> Field:
    """Return pieces torn off straight along an edge: one or two, 0.8 to 3.5 % deep, 10 to 60 % long."""
    depth = np.zeros_like(t)
    for _ in range(1 + int(chance(rng, 0.4))):
        long, deep = uniform(rng, 0.1, 0.6), uniform(rng, 0.008, 0.035)
        start = uniform(rng, -0.1, 1.0 - 0.6 * long)
        inside = np.clip((t - start) / uniform(rng, 0.002, 0.03), 0, 1) * np.clip(
            (start + long - t) / uniform(rng, 0.002, 0.03), 0, 1
        )
        depth = np.maximum(depth, inside * deep * (1 + uniform(rng, -0.7, 0.7) * (t - start - long / 2) / long))
    return np.asarray(depth, np.float32)


def _excised(t: Field, rng: np.random.Generator) -> Field:
    """Return pieces of the margin cut out with a blade: straight sides, tabs of paper left between."""
    depth = np.zeros_like(t)
    deep = uniform(rng, 0.025, 0.17)
    at = uniform(rng, -0.1, 0.6)
    for _ in range(int(rng.integers(1, 4))):
        long = uniform(rng, 0.1, 0.45)
        part = deep * uniform(rng, 0.6, 1.1) if chance(rng, 0.8) else deep * uniform(rng, 0.2, 0.6)
        depth = np.where((t > at) & (t < at + long), part * (1 + 0.1 * (t - at) * float(rng.normal())), depth)
        at += long + uniform(rng, 0.01, 0.12)
    return np.asarray(depth, np.float32)


def _at_folds(t: Field, shares: Sequence[float], rng: np.random.Generator) -> Field:
    """Return what broke off where folds meet an edge: notches of 0.6 to 3 %."""
    depth = np.zeros_like(t)
    for share in shares:
        if chance(rng, 0.7):
            deep = uniform(rng, 0.006, 0.03)
            half = deep * uniform(rng, 0.25, 1.6)
            depth = np.maximum(
                depth, deep * _bump(t, share + float(rng.normal(0, 0.003)), half, uniform(rng, 0.5, 1.6))
            )
    return np.asarray(depth, np.float32)


def _split(sheet: Sheet, mask: Field, folds: _Folds, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Split the paper along its folds from an edge, and wear holes through along them and where they cross."""
    missing = np.zeros(sheet.cover.shape, np.float32)
    rough = clouds(_whole(sheet).shape, rng, period=14, octaves=3)
    for level, shares in ((True, folds.level), (False, folds.upright)):
        for share in shares:
            line = _line(sheet, share, level=level)
            window = window_around(np.stack([line.start, line.end]), missing.shape, 40)
            x, y = window.grid()
            crossing = list(folds.upright if level else folds.level)
            for at in [*crossing, *rng.uniform(0.02, 0.98, int(rng.integers(0, 3)))]:
                if chance(rng, 0.6):
                    middle = line.start + (line.end - line.start) * float(at)
                    radii = uniform(rng, 0.002, 0.009) * min(sheet.size) * np.array([uniform(rng, 1, 3), 1.0])
                    radii = radii if level else radii[::-1]
                    away = np.hypot((x - middle[0]) / radii[0], (y - middle[1]) / radii[1])
                    hole = np.clip((1 + 0.8 * rough[window.slices] - away) * float(radii.min()), 0, 1)
                    missing[window.slices] = np.maximum(missing[window.slices], hole)
            if chance(rng, 0.5):
                deep, gape = uniform(rng, 0.03, 0.16) * line.length, uniform(rng, 1.0, 4.0)
                tip = line.start if chance(rng, 0.5) else line.end
                far = np.hypot(x - tip[0], y - tip[1])
                aside = np.abs(line.distance(window, rng, 0.01 * line.length))
                slit = np.clip(gape * np.clip(1 - far / deep, 0, 1) - aside + 0.3, 0, 1)
                missing[window.slices] = np.maximum(missing[window.slices], slit)
    if not missing.any():
        return sheet, mask
    sheet, gone = torn_away(sheet, _whole(sheet), np.asarray(missing, np.float32), rng)
    return sheet, np.maximum(mask, gone)


def _lose_corner(
    sheet: Sheet, mask: Field, corner: int, rng: np.random.Generator, most: float = 0.075
) -> tuple[Sheet, Field]:
    """Wear or tear one corner off, 1.5 % of the width to ``most``, round or straight or bitten."""
    t = np.linspace(0, 1, _FINE, dtype=np.float32)
    reach, deep = uniform(rng, 0.015, most), uniform(rng, 0.012, most)
    edge, end = (corner, 0.0) if chance(rng, 0.5) else ((corner + 3) % 4, 1.0)
    depth = deep * _bump(t, end, reach * uniform(rng, 0.8, 1.8), uniform(rng, 0.45, 2.2))
    waves = wavy(_FINE, rng, period=_FINE * reach * uniform(rng, 0.3, 1.0), octaves=4)
    depth = np.maximum(0, depth * (1 + uniform(rng, 0.1, 0.6) * waves))  # bitten rather than cut
    return _taken(sheet, mask, edge, np.asarray(depth, np.float32), rng)


def _dog_ear(sheet: Sheet, mask: Field, corner: int, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Turn a small corner over or behind: 3 to 9 % of the width."""
    across = uniform(rng, 0.03, 0.09)
    line = corner_line(sheet, corner, across, across * uniform(rng, 0.4, 1.3))
    turned = fold(sheet, line, "over" if chance(rng, 0.6) else "behind", rng)
    return turned.sheet, np.maximum(mask, turned.mask)


def _cut_away(sheet: Sheet, mask: Field, edges: Sequence[int], rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Cut pieces off the margins, or a step out of one corner, as where a seal was cut off."""
    t = np.linspace(0, 1, _FINE, dtype=np.float32)
    if chance(rng, 0.35):
        near = t < uniform(rng, 0.06, 0.4)
        step = (near if chance(rng, 0.5) else near[::-1]) * uniform(rng, 0.015, 0.08)
        return _taken(sheet, mask, edges[0], np.asarray(step, np.float32), rng)
    for edge in edges[: int(rng.integers(1, 3))]:
        sheet, mask = _taken(sheet, mask, edge, _excised(t, rng), rng)
    return sheet, mask


def _broken_at_folds(sheet: Sheet, mask: Field, folds: _Folds, rng: np.random.Generator) -> tuple[Sheet, Field]:
    t = np.linspace(0, 1, _FINE, dtype=np.float32)
    for edge in range(4):
        depth = _at_folds(t, folds.along(edge), rng)
        if depth.any():
            sheet, mask = _taken(sheet, mask, edge, depth, rng)
    return _split(sheet, mask, folds, rng)


def _lose(sheet: Sheet, kind: str, folds: _Folds, corner: int, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Take off what a ``kind`` of tattered letter has lost."""
    mask = np.zeros(sheet.cover.shape, np.float32)
    t = np.linspace(0, 1, _FINE, dtype=np.float32)
    edges = [int(edge) for edge in rng.choice(4, 3, replace=False, p=_EDGES)]
    if kind == "cut":
        return _cut_away(sheet, mask, edges, rng)
    if kind == "dog-ear":
        return _dog_ear(sheet, mask, corner, rng)
    if kind == "folds":
        sheet, mask = _broken_at_folds(sheet, mask, folds, rng)
    elif kind == "steps":
        sheet, mask = _taken(sheet, mask, edges[0], _steps(t, rng), rng)
    elif kind == "frays":
        for edge in edges[: int(rng.integers(1, 4))]:
            sheet, mask = _taken(sheet, mask, edge, _frays(t, rng), rng)
    if kind == "corner" or chance(rng, 0.65):
        sheet, mask = _lose_corner(sheet, mask, corner, rng)
    for turn in (1, 2, 3):  # where one corner suffered, others did, though less
        if chance(rng, 0.3):
            sheet, mask = _lose_corner(sheet, mask, (corner + turn) % 4, rng, most=0.035)
    return sheet, mask


def _ready(sheet: Sheet, folds: _Folds, corner: int, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Do what is done to whole letters and tattered ones alike: choose a bed, let edges waver, fold and soil."""
    sheet = _mounted(sheet, materials, rng)
    if chance(rng, 0.45):
        sheet = uneven_edge(sheet, materials, rng).sheet
    return _aged(sheet, folds, corner, rng)


def tattered(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Age a letter and take paper off it: a corner, tatters along edges, bits at its folds, pieces torn or cut off."""
    if chance(rng, RELAID_SHARE):
        sheet = without_bed(sheet)
    folds, corner = _folds(rng), int(rng.choice(4, p=_CORNERS))
    kinds = ("corner", "frays", "steps", "folds", "dog-ear", "cut")
    kind = str(rng.choice(kinds, p=(0.22, 0.23, 0.16, 0.14, 0.1, 0.15)))
    if kind == "folds" and not folds.level:
        folds = replace(folds, level=(uniform(rng, 0.4, 0.6),))
    ready = _ready(sheet, folds, corner, materials, rng)
    if kind == "cut" and not sheet.tone.bilevel and chance(rng, 0.65):  # lined with new paper
        paper = np.full(3, uniform(rng, 222, 250), np.float32) + np.array([1.0, 0.0, -3.0]) * uniform(rng, 0, 2)
        ready = replace(ready, bed=Bed.plain("lined", sheet.cover.shape, paper, 1.5, rng))
    torn, mask = _lose(ready, kind, folds, corner, rng)
    if ready.framed:
        return Change(torn, mask, f"{kind}/{ready.bed.name} bed", ready.pixels)
    out = laid_out(torn, mask, rng, whole=ready.pixels)
    return replace(out, detail=f"{kind}/{out.detail}")


def _panelled(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Half open a sheet that was folded upright: one part lies aslant, lighter or darker, with a step at the fold."""
    height, width = sheet.cover.shape
    at, left = int(uniform(rng, 0.2, 0.5) * width), chance(rng, 0.5)
    x = np.arange(width, dtype=np.float32)
    aside = np.maximum(0, (at - x) if left else (x - (width - at)))
    rise = uniform(rng, -0.03, 0.03) * aside + uniform(rng, -0.006, 0.006) * height * (aside > 0)
    ys = np.arange(height, dtype=np.float32)[:, None] + rise[None]
    xs = np.ascontiguousarray(np.broadcast_to(x, (height, width)))
    ys = np.asarray(ys, np.float32)
    pixels = cv2.remap(sheet.pixels, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.remap(sheet.cover, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    shade = 1 + (aside > 0) * uniform(rng, -0.07, 0.05) - np.exp(-np.abs(aside - 2) / 3) * uniform(rng, 0.05, 0.3)
    return replace(sheet, pixels=to_pixels(np.asarray(pixels * shade[None, :, None], np.float32)),
                   cover=np.asarray(cover, np.float32))  # fmt: skip


def _envelope(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Make an envelope of the sheet's upper part: its seams run from the corners to the middle."""
    height, width = sheet.cover.shape
    high = min(height, int(width * uniform(rng, 0.55, 0.95)))
    quad = np.array([[0, 0], [width, 0], [width, high], [0, high]], np.float32)
    bed = replace(sheet.bed, pixels=sheet.bed.pixels[:high])
    sheet = replace(sheet, pixels=sheet.pixels[:high].copy(), cover=sheet.cover[:high].copy(), quad=quad, bed=bed)
    deep = uniform(rng, 0.4, 0.7)
    relief = np.zeros(sheet.cover.shape, np.float32)
    for corner in (0, 1) if chance(rng, 0.5) else range(4):
        tip = sheet.point(0.5, deep if corner in (0, 1) else 1 - 0.8 * deep)
        line = FoldLine.through(sheet.quad[corner], tip, sheet.point(0.5, -1), "seam")
        away = line.distance(_whole(sheet), rng, 0.004 * line.length)
        x = _whole(sheet).grid()[0]
        on = (x < width / 2) if corner in (0, 3) else (x >= width / 2)
        thin = np.exp(-((away / uniform(rng, 0.8, 1.8)) ** 2)) * uniform(rng, 0.06, 0.3)
        relief += np.asarray((thin + uniform(rng, 0, 0.05) * np.exp(-np.abs(away) / 8) * (away > 0)) * on, np.float32)
    pixels = to_pixels(np.asarray(sheet.pixels * (1 - relief)[..., None], np.float32))
    return replace(sheet, pixels=matched(sheet, pixels, np.zeros(relief.shape, np.float32), rng))


def _mourning(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """Print the black border of a letter of mourning along all four edges."""
    wide = uniform(rng, 0.006, 0.03) * min(sheet.size)
    inner = sheet.quad + (sheet.quad.mean(axis=0) - sheet.quad) * (2 * wide / np.array(sheet.size, np.float32))
    mask = np.zeros(sheet.cover.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(inner * 8).astype(np.int32), 255, cv2.LINE_AA, 3)
    rim = np.asarray((1 - mask / 255.0) * sheet.cover * uniform(rng, 0.8, 0.95), np.float32)
    pixels = to_pixels(np.asarray(sheet.pixels * (1 - rim)[..., None], np.float32))
    return replace(sheet, pixels=matched(sheet, pixels, rim, rng))


def kept_letter(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Keep a whole letter or copy: the twin of the tattered letter and of the copy with a turned corner."""
    kind = str(rng.choice(("posted", "panel", "envelope", "mourning", "copy"), p=(0.36, 0.17, 0.13, 0.09, 0.25)))
    if kind == "copy":
        return whole_copy(sheet, rng)
    if kind in {"panel", "envelope"} or chance(rng, RELAID_SHARE):
        sheet = without_bed(sheet)
    ready = _ready(sheet, _folds(rng), int(rng.choice(4, p=_CORNERS)), materials, rng)
    if kind == "mourning":
        ready = _mourning(ready, rng)
    elif kind == "panel":
        ready = _panelled(ready, rng)
    elif kind == "envelope":
        ready = _envelope(ready, rng)
    nothing = np.zeros(ready.cover.shape, np.float32)
    if ready.framed:
        return Change(ready, nothing, f"{kind}/{ready.bed.name} bed")
    out = laid_out(ready, nothing, rng)
    return Change(out.sheet, np.zeros(out.sheet.cover.shape, np.float32), f"{kind}/{out.detail}")
