"""Torn and missing paper: corners, edges, stepped openings, wedges and rips, with the rim that tearing leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    clouds,
    grain,
    luminance,
    over,
    shift,
    soften,
    to_pixels,
    uniform,
    wavy,
    window_around,
)
from imagefaulty.training.faults.corner_faults import any_corner
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, reveal
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import CORNERS, EDGES, Sheet, matched


@dataclass(frozen=True, slots=True, eq=False)
class EdgeFrame:
    """Coordinates along and into one edge of the sheet, for a window at that edge.

    Attributes:
        window: The window.
        along: px along the edge from its first corner (clockwise), float32 of the window's shape.
        into: px from the edge into the paper.
        length: Length of the edge in px.
        across: Length of the neighbouring edge in px, the deepest that one can go.
    """

    window: Window
    along: Field
    into: Field
    length: float
    across: float

    @classmethod
    def at(cls, sheet: Sheet, edge: int, deep: float) -> EdgeFrame:
        """Return the frame of ``edge`` (0..3 clockwise from the top) that reaches ``deep`` px into the paper."""
        start, end = sheet.quad[edge], sheet.quad[(edge + 1) % 4]
        length = float(np.linalg.norm(end - start))
        direction = (end - start) / length
        inward = np.array([-direction[1], direction[0]], np.float32)
        strip = np.stack([start - inward * 8, end - inward * 8, start + inward * (deep + 8), end + inward * (deep + 8)])
        window = window_around(strip, sheet.pixels.shape, 12)
        x, y = window.grid()
        along = (x - start[0]) * direction[0] + (y - start[1]) * direction[1]
        into = (x - start[0]) * inward[0] + (y - start[1]) * inward[1]
        width, height = sheet.size
        across = height if edge in (0, 2) else width
        return cls(window, np.asarray(along, np.float32), np.asarray(into, np.float32), length, across)

    def missing(self, depth: Field) -> Field:
        """Return the missing part for a depth in px per px along the edge (float32, one more than the length)."""
        at = np.clip(self.along, 0, len(depth) - 1.001)
        low = at.astype(np.int32)
        part = at - low
        limit = depth[low] * (1 - part) + depth[low + 1] * part
        on_edge = (self.along > -8) & (self.along < self.length + 8)
        return np.asarray(np.clip(limit - self.into + 0.5, 0, 1) * on_edge * (limit > 0.3), np.float32)


def torn_away(sheet: Sheet, window: Window, missing: Field, rng: np.random.Generator) -> tuple[Sheet, Field]:
    """Take the ``missing`` part out of the sheet and give the new edge its fibre rim and shadow.

    Returns:
        The sheet, and the mask of the missing paper over the whole page.
    """
    cover = sheet.cover[window.slices]
    if sheet.framed:  # take the ghost of the old outline along
        grown = cv2.dilate(cover, np.ones((9, 9), np.uint8))
        gone = np.asarray(missing * grown, np.float32)
    else:
        gone = missing
    solid = (missing > 0.5).astype(np.uint8)
    outwards = np.minimum(np.asarray(cv2.distanceTransform(solid, cv2.DIST_L2, 3), np.float32), 1e3)
    inwards = np.minimum(np.asarray(cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3), np.float32), 1e3)
    tile = _rimmed(
        sheet, reveal(sheet, window, gone, rng, inside=outwards), rng, cover=cover, gone=gone, inwards=inwards
    )
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(tile)
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = gone * cover
    left = sheet.cover.copy()
    left[window.slices] = cover * (1 - gone)
    return replace(sheet, pixels=matched(sheet, pixels, mask, rng), cover=left), mask


def _rimmed(sheet: Sheet, tile: Field, rng: np.random.Generator, *, cover: Field, gone: Field, inwards: Field) -> Field:
    """Paint the rim: pale fibres where the paper's core shows, or the browned edge of an old tear, in stretches."""
    shape = gone.shape
    rough = clouds((shape[0], shape[1]), rng, period=24, octaves=4)
    paper = np.array(sheet.tone.paper, np.float32)
    pale = chance(rng, 0.65)
    width = (uniform(rng, 0.6, 2.4) if pale else uniform(rng, 2, 9)) * np.clip(0.7 + 1.1 * rough, 0.05, 2.0)
    alpha = np.exp(-((inwards / np.maximum(width, 0.3)) ** 2)) * (1 - gone) * cover
    if pale:
        core = np.minimum(paper * uniform(rng, 1.02, 1.2) + np.array([4, 6, 10]), 254)
        tile = over(tile, tuple(core), np.asarray(alpha * uniform(rng, 0.35, 0.95), np.float32))
        crease = np.exp(-(((inwards - width * 1.8) / 1.4) ** 2)) * (1 - gone) * cover
        return np.asarray(tile * (1 - uniform(rng, 0.0, 0.16) * crease)[..., None], np.float32)
    brown = np.array([0.86, 0.78, 0.64], np.float32) ** uniform(rng, 0.15, 0.9)
    return np.asarray(tile * (1 - (alpha * uniform(rng, 0.3, 1.0))[..., None] * (1 - brown)), np.float32)


def _ragged(length: float, rng: np.random.Generator, *, period: float, size: float, roughness: float = 0.6) -> Field:
    """Return the ragged part of an outline, px per px along, with fibres down to single pixels."""
    count = int(length) + 3
    fine = wavy(count, rng, period=5, octaves=2) * uniform(rng, 0.3, 0.9)
    return wavy(count, rng, period=max(6.0, period), octaves=5, roughness=roughness) * np.float32(size) + fine


def missing_corner(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Tear a corner off: 3 to 10 % of the sheet (up to 25 % now and then), irregular, bent in or out."""
    corner = any_corner(rng)
    width, height = sheet.size
    reach = float(np.clip(rng.lognormal(np.log(0.075), 0.5), 0.028, 0.3))
    a, b = reach * width * uniform(rng, 0.7, 1.5), reach * width * uniform(rng, 0.7, 1.9)
    b = min(b, 0.4 * height)
    points = [sheet.quad[corner], _along(sheet, corner, a, 0), _along(sheet, corner, 0, b)]
    window = window_around(np.stack(points), sheet.pixels.shape, 22)
    mask_file = materials.tear(rng, corner=True) if chance(rng, 0.35) else None
    if mask_file is not None:
        missing = _stamped(sheet, window, mask_file, corner, (a, b))
        shape = "real outline"
    else:
        missing = _corner_gap(sheet, window, corner, (a, b), rng)
        shape = "torn"
    torn, mask = torn_away(sheet, window, missing, rng)
    return Change(torn, mask, f"{shape}/{CORNERS[corner]}/{sheet.bed.name} bed")


def _along(sheet: Sheet, corner: int, across: float, down: float) -> Field:
    """Return the page point ``across`` and ``down`` px from a corner into the sheet."""
    width, height = sheet.size
    u = 1 - across / width if corner in (1, 2) else across / width
    v = 1 - down / height if corner in (2, 3) else down / height
    return sheet.point(u, v)


def _corner_axes(sheet: Sheet, window: Window, corner: int) -> tuple[Field, Field]:
    """Return px from the corner across and down the sheet, over the window."""
    origin = sheet.quad[corner]
    one, two = _along(sheet, corner, 1, 0) - origin, _along(sheet, corner, 0, 1) - origin
    x, y = window.grid()
    across = (x - origin[0]) * one[0] + (y - origin[1]) * one[1]
    down = (x - origin[0]) * two[0] + (y - origin[1]) * two[1]
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _corner_gap(
    sheet: Sheet, window: Window, corner: int, legs: tuple[float, float], rng: np.random.Generator
) -> Field:
    """Return the gap of a torn corner: polar outline between the legs, bulged, with fractal raggedness."""
    across, down = _corner_axes(sheet, window, corner)
    a, b = legs
    p, q = np.maximum(across, 0) / a, np.maximum(down, 0) / b
    share = np.arctan2(q, p) / (np.pi / 2)  # 0 along one leg, 1 along the other
    bulge = uniform(rng, 0.62, 2.6)  # exponent of the outline: below 1 concave, 1 straight, 2 round
    radius = (p**bulge + q**bulge) ** (1 / bulge)
    size = max(a, b)
    waves = _ragged(size, rng, period=size * uniform(rng, 0.25, 0.8), size=uniform(rng, 0.05, 0.26) * size)
    step = waves[np.clip(share * (len(waves) - 2), 0, len(waves) - 1).astype(np.int32)] / size
    return np.asarray(np.clip((1 + step - radius) * min(a, b) + 0.5, 0, 1), np.float32)


def _stamped(sheet: Sheet, window: Window, mask: np.ndarray, corner: int, legs: tuple[float, float]) -> Field:
    """Return the gap that a real tear's outline leaves at a corner."""
    across, down = _corner_axes(sheet, window, corner)
    rows, columns = mask.shape
    lookup_x = across / (legs[0] * 1.15) * columns
    lookup_y = down / (legs[1] * 1.15) * rows
    padded = cv2.copyMakeBorder(mask.astype(np.float32), 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=0)
    inside_x, inside_y = np.clip(lookup_x, 0, columns), np.clip(lookup_y, 0, rows)
    found = cv2.remap(padded, inside_x.astype(np.float32), inside_y.astype(np.float32), cv2.INTER_LINEAR)
    return np.clip((np.asarray(found, np.float32) - 0.5) * 2 + 0.5, 0, 1)


def torn_edge(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Tear an edge: stepped open top, ragged fore-edge, a bite, a notch, or the outline of a real tear."""
    kind = str(
        rng.choice(("steps", "ragged", "bite", "wedge", "real", "frayed"), p=(0.25, 0.2, 0.15, 0.08, 0.14, 0.18))
    )
    if kind == "frayed":
        return frayed(sheet, rng)
    edge = int(rng.choice(4, p=(0.55, 0.2, 0.1, 0.15))) if kind == "steps" else int(rng.integers(4))
    frame = EdgeFrame.at(sheet, edge, 0.2 * max(sheet.size))
    mask = materials.tear(rng, corner=False) if kind == "real" else None
    depth = _mask_depth(mask, frame, rng) if mask is not None else _depth(kind, frame, rng)
    torn, gone = torn_away(sheet, frame.window, frame.missing(depth), rng)
    if chance(rng, 0.25):
        torn = _tabbed(torn, frame, depth, rng)
    return Change(torn, gone, f"{kind}/{EDGES[edge]} edge/{sheet.bed.name} bed")


def frayed(sheet: Sheet, rng: np.random.Generator) -> Change:
    """Fray two to four edges: worn corners of 1.5 to 5 %, nicks, and raggedness between, as on much-handled sheets."""
    whole = np.zeros(sheet.cover.shape, np.float32)
    edges = rng.permutation(4)[: int(rng.integers(2, 5))]
    for edge in edges:
        frame = EdgeFrame.at(sheet, int(edge), 0.1 * max(sheet.size))
        count = int(frame.length) + 3
        t = np.arange(count, dtype=np.float32)
        base = uniform(rng, 0.001, 0.007) * frame.across
        depth = np.maximum(0, base * (0.4 + 1.6 * wavy(count, rng, period=count * 0.2, octaves=4)))
        for middle in (0.0, frame.length):
            worn = uniform(rng, 0.015, 0.05) * frame.across
            depth = depth + worn * np.clip(1 - np.abs(t - middle) / (worn * uniform(rng, 0.8, 2.2)), 0, 1) ** 1.5
        for _ in range(int(rng.integers(2, 9))):
            nick = uniform(rng, 0.006, 0.028) * frame.across
            shape = np.clip(1 - np.abs(t - uniform(rng, 0, count)) / (nick * uniform(rng, 0.3, 1.6)), 0, 1)
            depth = np.maximum(depth, nick * shape ** uniform(rng, 0.5, 1.2))
        taken = np.clip(depth / max(1.0, base), 0, 1)
        depth = depth + taken * _ragged(count - 3, rng, period=14, size=uniform(rng, 0.5, 2.2))
        sheet, gone = torn_away(sheet, frame.window, frame.missing(np.maximum(depth, 0).astype(np.float32)), rng)
        whole = np.maximum(whole, gone)
    return Change(sheet, whole, f"frayed/{len(edges)} edges/{sheet.bed.name} bed")


def nicked(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Take two to eight small ragged bits of 0.6 to 4 % out of one or two edges, the top one mostly, and its corners.

    So sheets look that hung in a file: torn at staples, and at holes that are torn through to the edge.
    """
    del materials
    whole = np.zeros(sheet.cover.shape, np.float32)
    edges = [0, int(rng.integers(1, 4))] if chance(rng, 0.75) else [int(rng.integers(4))]
    for edge in edges[: 1 + int(chance(rng, 0.5))]:
        frame = EdgeFrame.at(sheet, edge, 0.1 * max(sheet.size))
        count = int(frame.length) + 3
        t = np.arange(count, dtype=np.float32)
        depth = np.zeros(count, np.float32)
        for number in range(int(rng.integers(2, 6))):
            deep = uniform(rng, 0.006, 0.022) * frame.across
            middle = float(rng.choice((0.0, count))) if number == 0 or chance(rng, 0.3) else uniform(rng, 0, count)
            through = chance(rng, 0.2)  # a hole, torn through
            half = deep * uniform(rng, 0.7, 3.0)
            if through:
                deep, half = uniform(rng, 0.025, 0.045) * frame.across, uniform(rng, 0.008, 0.016) * frame.across
            shape = np.clip(1 - (np.abs(t - middle) / half) ** (4 if through else uniform(rng, 0.8, 2)), 0, 1)
            depth = np.maximum(depth, deep * shape)
        rough = _ragged(count - 3, rng, period=uniform(rng, 8, 22), size=uniform(rng, 0.8, 3))
        depth = np.maximum(0, depth + (depth > 0.5) * rough).astype(np.float32)
        sheet, gone = torn_away(sheet, frame.window, frame.missing(depth), rng)
        whole = np.maximum(whole, gone)
    return Change(sheet, whole, f"{sheet.bed.name} bed")


def _mask_depth(mask: np.ndarray, frame: EdgeFrame, rng: np.random.Generator) -> Field:
    profile = mask.sum(axis=0).astype(np.float32) / max(1, mask.shape[0])
    count = int(frame.length) + 3
    span = int(count * uniform(rng, 0.2, 1.0))
    start = int(rng.integers(count - span + 1))
    depth = np.zeros(count, np.float32)
    part = np.interp(np.linspace(0, 1, span), np.linspace(0, 1, len(profile)), profile)
    depth[start : start + span] = part * uniform(rng, 0.03, 0.14) * frame.across / max(0.05, float(part.max()))
    return np.asarray(depth + (depth > 1) * _ragged(count - 3, rng, period=30, size=1.5), np.float32)


def _depth(kind: str, frame: EdgeFrame, rng: np.random.Generator) -> Field:
    """Return how deep the paper is torn, px per px along the edge."""
    count = int(frame.length) + 3
    t = np.linspace(0, 1, count, dtype=np.float32)
    if kind == "steps":  # torn open: 1 to 4 plateaus over 30 to 100 % of the edge, 2 to 12 % deep
        span = uniform(rng, 0.3, 1.05)
        start = uniform(rng, -0.05, 1.0 - span + 0.05)
        levels = int(rng.integers(1, 5))
        ends = np.sort(rng.uniform(start, start + span, levels - 1))
        index = np.searchsorted(ends, t)
        heights = rng.uniform(0.02, 0.09, levels) * frame.across * uniform(rng, 0.5, 1.3)
        depth = heights[index] * ((t > start) & (t < start + span))
        slope = max(3, int(uniform(rng, 0.004, 0.06) * count)) | 1
        depth = cv2.blur(depth.astype(np.float32)[None], (slope, 1))[0]
        size = uniform(rng, 0.08, 0.3) * float(heights.mean())
    elif kind == "ragged":  # 1 to 4 % deep over most of the edge
        base = uniform(rng, 0.008, 0.03) * frame.across
        depth = np.float64(base) * (0.6 + 0.6 * wavy(count, rng, period=count * 0.3, octaves=2))
        size = base * uniform(rng, 0.5, 1.0)
    elif kind == "bite":  # concave, 8 to 35 % long and 3 to 12 % deep
        middle, half = uniform(rng, 0.08, 0.92), uniform(rng, 0.04, 0.17)
        bump = np.clip(1 - ((t - middle) / half) ** 2, 0, 1) ** uniform(rng, 0.5, 1.3)
        depth = bump * uniform(rng, 0.03, 0.12) * frame.across
        size = uniform(rng, 0.04, 0.22) * float(depth.max())
    else:  # a wedge: narrow and deep
        middle, half = uniform(rng, 0.08, 0.92), uniform(rng, 0.012, 0.05)
        depth = np.clip(1 - np.abs(t - middle) / half, 0, 1) * uniform(rng, 0.04, 0.15) * frame.across
        size = uniform(rng, 0.03, 0.12) * float(depth.max())
    ragged = _ragged(count - 3, rng, period=uniform(rng, 0.03, 0.2) * count, size=size)
    taken = np.clip(depth / max(1.0, 0.15 * float(np.max(depth))), 0, 1)
    return np.asarray(np.maximum(depth + ragged * taken, 0), np.float32)


def _tabbed(sheet: Sheet, frame: EdgeFrame, depth: Field, rng: np.random.Generator) -> Sheet:
    """Lift a tab beside the tear: a patch of the rim that is lighter and casts a small shadow."""
    tears = np.flatnonzero(depth > 0.3 * depth.max())
    if not len(tears) or depth.max() < 4:
        return sheet
    middle = float(tears[int(rng.integers(len(tears)))])
    half, tall = uniform(rng, 8, 40), uniform(rng, 5, 22)
    count = len(depth)
    t = np.arange(count, dtype=np.float32)
    tab = np.clip(1 - ((t - middle) / half) ** 2, 0, 1) * tall + _ragged(count - 3, rng, period=12, size=1.5)
    lifted = frame.missing(np.maximum(depth + tab, 0) * (tab > 2)) * (1 - frame.missing(depth))
    lifted = np.asarray(lifted * sheet.cover[frame.window.slices], np.float32)
    tile = sheet.pixels[frame.window.slices].astype(np.float32)
    angle = uniform(rng, 0, 2 * np.pi)
    shadow = soften(shift(lifted, 4 * np.cos(angle), 4 * np.sin(angle)), 2.2) * (1 - lifted)
    tile = np.asarray(tile * (1 - uniform(rng, 0.15, 0.4) * shadow)[..., None], np.float32)
    paper = np.minimum(np.array(sheet.tone.paper, np.float32) * uniform(rng, 0.92, 1.1), 252)
    face = paper + grain(frame.window.shape, rng, sheet.tone.noise + 0.5)[..., None]
    tile = over(np.asarray(tile, np.float32), np.asarray(face, np.float32), lifted * uniform(rng, 0.6, 1.0))
    pixels = sheet.pixels.copy()
    pixels[frame.window.slices] = to_pixels(tile)
    whole = np.zeros(sheet.cover.shape, np.float32)
    whole[frame.window.slices] = lifted
    return replace(sheet, pixels=matched(sheet, pixels, whole, rng))


def rip(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Rip the sheet open from an edge: a crooked crack that gapes a little, pale on one lip, shaded on the other."""
    del materials
    edge = int(rng.integers(4))
    across = sheet.size[1] if edge in (0, 2) else sheet.size[0]
    deep = uniform(rng, 0.05, 0.22) * across
    frame = EdgeFrame.at(sheet, edge, deep)
    start = uniform(rng, 0.08, 0.92) * frame.length
    lean = uniform(rng, -0.8, 0.8)
    count = int(deep) + 3
    path = wavy(count, rng, period=deep * 0.5, octaves=5) * deep * uniform(rng, 0.05, 0.16)
    at = np.clip(frame.into, 0, count - 1).astype(np.int32)
    middle = start + frame.into * lean + path[at] - path[0]
    gape = np.clip(1 - frame.into / deep, 0, 1) ** 0.7 * uniform(rng, 0.8, 9.0) + 0.35
    offset = frame.along - middle
    inside = (frame.into < deep) & (frame.into > -8)
    missing = np.asarray(np.clip(gape / 2 - np.abs(offset) + 0.5, 0, 1) * inside, np.float32)
    torn, mask = torn_away(sheet, frame.window, missing, rng)
    tile = torn.pixels[frame.window.slices].astype(np.float32)
    lip = np.clip((offset - gape / 2) / uniform(rng, 2, 9), 0, 1)
    shade = np.exp(-lip * 3) * (offset > 0) * inside * torn.cover[frame.window.slices]
    tile = tile * (1 - uniform(rng, 0.1, 0.4) * shade)[..., None]
    pale = np.exp(-np.clip(-(offset + gape / 2), 0, None) / uniform(rng, 0.8, 3)) * (offset < -gape / 2) * inside
    light = float(luminance(np.array(sheet.tone.paper))) * 1.08
    alpha = np.asarray(pale * torn.cover[frame.window.slices] * uniform(rng, 0.2, 0.8), np.float32)
    tile = over(np.asarray(tile, np.float32), (min(254, light), min(254, light), min(250, light)), alpha)
    pixels = torn.pixels.copy()
    pixels[frame.window.slices] = to_pixels(tile)
    whole = mask.copy()
    whole[frame.window.slices] = np.maximum(mask[frame.window.slices], (np.abs(offset) < gape / 2 + 3) * inside * 1.0)
    return Change(replace(torn, pixels=matched(sheet, pixels, whole, rng)), whole, f"{EDGES[edge]} edge")
