"""Folded corners and edges: folded over onto the page, or folded behind it, and what then shows underneath."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

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
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.sheet import CORNERS, EDGES, Sheet, matched

Way = Literal["over", "behind"]
#: Backs that differ from their faces: white, grey board, manila, and the blue lining of envelopes.
_BACKS = ((246.0, 246.0, 244.0), (176.0, 174.0, 170.0), (208.0, 176.0, 128.0), (112.0, 130.0, 168.0))


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A sheet after a recipe drew on it.

    Attributes:
        sheet: The sheet with new pixels (and cover).
        mask: float32 (h, w), 1 where the fault is seen.
        detail: What exactly was drawn, for the recipe's name.
        sound: The page as it would look without the fault, where that is not the sheet that the recipe was given.
    """

    sheet: Sheet
    mask: Field
    detail: str
    sound: Pixels | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FoldLine:
    """A straight line across the sheet; the paper on the side of ``normal`` is folded.

    Attributes:
        start: x, y in px where the line meets the outline.
        end: The other meeting point.
        normal: Unit vector towards the folded side.
        place: Where it is, for people.
    """

    start: Field
    end: Field
    normal: Field
    place: str

    @classmethod
    def through(cls, start: Field, end: Field, outer: Field, place: str) -> FoldLine:
        """Return the line from ``start`` to ``end`` with the point ``outer`` on its folded side."""
        along = (end - start) / max(1e-6, float(np.linalg.norm(end - start)))
        normal = np.array([-along[1], along[0]], np.float32)
        if float((outer - start) @ normal) < 0:
            normal = -normal
        return cls(start, end, normal, place)

    @property
    def length(self) -> float:
        """Length in px."""
        return float(np.linalg.norm(self.end - self.start))

    def mirror(self, squeeze: float = 1.0) -> Field:
        """Return the 2x3 affine map of page points to their mirror image in this line.

        ``squeeze`` below 1 pulls the image towards the line, as a flap that stands up from the page looks.
        """
        n = self.normal.astype(np.float64)
        linear = np.eye(2) - (1 + squeeze) * np.outer(n, n)
        offset = (1 + squeeze) * float(self.start @ n) * n
        return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)

    def distance(self, window: Window, rng: np.random.Generator, bend: float) -> Field:
        """Signed distance to the line in px over the window, positive on the folded side, bent by ``bend`` px."""
        x, y = window.grid()
        straight = (x - self.start[0]) * self.normal[0] + (y - self.start[1]) * self.normal[1]
        if bend <= 0:
            return np.asarray(straight, np.float32)
        along = (x - self.start[0]) * -self.normal[1] + (y - self.start[1]) * self.normal[0]
        low = float(along.min())
        waves = wavy(int(along.max() - low) + 2, rng, period=max(40.0, self.length), octaves=3, roughness=0.35)
        return np.asarray(straight + bend * waves[(along - low).astype(np.int32)], np.float32)


def corner_line(sheet: Sheet, corner: int, across: float, down: float) -> FoldLine:
    """Return the fold line that cuts ``corner`` (0..3, clockwise from top left) with legs as fractions of the sheet."""
    right, low = corner in (1, 2), corner in (2, 3)
    u, v = float(right), float(low)
    start = sheet.point(abs(u - across), v)
    end = sheet.point(u, abs(v - down))
    return FoldLine.through(start, end, sheet.point(u, v), CORNERS[corner])


def edge_line(sheet: Sheet, edge: int, deep: tuple[float, float]) -> FoldLine:
    """Return a fold line along ``edge`` (0..3, clockwise from the top), ``deep`` fractions in at its two ends."""
    first, last = deep
    ends = {
        0: ((0.0, first), (1.0, last), (0.5, -0.2)),
        1: ((1 - first, 0.0), (1 - last, 1.0), (1.2, 0.5)),
        2: ((0.0, 1 - first), (1.0, 1 - last), (0.5, 1.2)),
        3: ((first, 0.0), (last, 1.0), (-0.2, 0.5)),
    }[edge]
    start, end, outer = (sheet.point(*at) for at in ends)
    return FoldLine.through(start, end, outer, f"{EDGES[edge]} edge")


def _affected(sheet: Sheet, line: FoldLine, pad: int) -> Window:
    corners = sheet.quad
    outside = corners[(corners - line.start) @ line.normal > 0]
    points = [line.start[None], line.end[None], outside]
    if len(outside):
        points.append(cv2.transform(outside[None], line.mirror())[0])
    return window_around(np.concatenate(points), sheet.pixels.shape, pad)


def reveal(
    sheet: Sheet, window: Window, gone: Field, rng: np.random.Generator, *, inside: Field | None = None
) -> Field:
    """Return the window's pixels with the bed showing where paper is ``gone``.

    Args:
        sheet: The sheet.
        window: The window to paint.
        gone: float32 of the window's shape, 1 where paper is missing.
        rng: Source of chance.
        inside: Distance in px from the new edge into the gap, for the shadow that the edge casts there.
    """
    tile = sheet.pixels[window.slices].astype(np.float32)
    bed = sheet.bed.pixels[window.slices].astype(np.float32)
    dark = float(luminance(bed).mean()) < 60
    if inside is not None:
        reach = uniform(rng, 1.2, 6.0)
        strength = uniform(rng, 0.1, 0.3) if dark else uniform(rng, 0.12, 0.5)
        shade = 1 - strength * np.exp(-np.maximum(inside, 0) / reach)
        bed = np.asarray(bed * shade[..., None], np.float32)
    return over(tile, bed, gone)


def fold(sheet: Sheet, line: FoldLine, way: Way, rng: np.random.Generator) -> Change:
    """Fold the sheet along a line, over onto the page or behind it."""
    window = _affected(sheet, line, 34)
    cover = sheet.cover[window.slices]
    bend = uniform(rng, 0.0, 0.006) * line.length
    distance = line.distance(window, rng, bend)
    beyond = np.clip(distance + 0.5, 0, 1)
    # The old outline leaves a thin ghost on the bed (shadow, anti-aliasing), so a little more than the paper goes.
    gone = cv2.dilate(cover, np.ones((9, 9), np.uint8)) * beyond if sheet.framed else beyond
    gone = np.asarray(gone, np.float32)
    tile = reveal(sheet, window, gone, rng, inside=distance)
    if way == "behind":
        tile = _turned_edge(sheet, tile, distance, cover, rng)
        seen = gone * cover
    else:
        tile, flap = _flap(sheet, window, line, tile, distance=distance, rng=rng)
        seen = np.maximum(gone * cover, flap)
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(tile)
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = seen
    left = sheet.cover.copy()
    left[window.slices] = cover * (1 - gone) if way == "behind" else np.maximum(cover * (1 - gone), seen * (1 - gone))
    painted = replace(sheet, pixels=matched(sheet, pixels, mask, rng), cover=left)
    return Change(painted, mask, f"{line.place}/{sheet.bed.name} bed")


def _turned_edge(sheet: Sheet, tile: Field, distance: Field, cover: Field, rng: np.random.Generator) -> Field:
    """Shade the rounded edge of a sheet folded behind, and draw the grey line beside it on a light bed."""
    width = uniform(rng, 1.0, 3.5)
    strength = uniform(rng, -0.05, 0.22)
    rounding = np.exp(-np.maximum(-distance, 0) / width) * (distance <= 0.5) * cover
    tile = tile * (1 - strength * rounding)[..., None]
    if float(luminance(sheet.bed.pixels[::16, ::16]).mean()) < 90:
        return np.asarray(tile, np.float32)
    # On a light bed the gap under the edge is a line of 2 to 6 px.
    half = uniform(rng, 1.0, 3.0)
    gap = np.exp(-(((distance - half * 0.8) / half) ** 2)) * (distance > -1) * cover
    return np.asarray(tile * (1 - uniform(rng, 0.15, 0.5) * gap)[..., None], np.float32)


def _back_of(sheet: Sheet, window: Window, line: FoldLine, squeeze: float, rng: np.random.Generator) -> Field:
    """Return the back of the paper as seen on the flap: its own tone, and the face's ink faintly through it."""
    size = (window.right - window.left, window.bottom - window.top)
    into = line.mirror(squeeze).astype(np.float64)
    into[:, 2] -= (window.left, window.top)
    face = cv2.warpAffine(sheet.pixels, into, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    paper = np.array(sheet.tone.paper, np.float32)
    writing = np.clip(1 - luminance(face) / max(40.0, float(luminance(paper))), 0, 1)
    writing = soften(np.asarray(writing, np.float32), uniform(rng, 0.8, 2.2)) * uniform(rng, 0.0, 0.28)
    if chance(rng, 0.3):  # the back is written on as well
        writing = np.asarray(
            np.maximum(writing, np.clip(1 - luminance(face[::-1, ::-1]) / 170, 0, 1) * 0.9), np.float32
        )
    lighter = uniform(rng, 0.93, 1.1)
    yellow = np.array([1.0, uniform(rng, 0.975, 1.005), uniform(rng, 0.84, 1.03)], np.float32)
    back = np.minimum(paper * lighter * yellow, 253)
    if chance(rng, 0.1):  # laid paper, card, envelopes: the back is of another colour altogether
        back = np.array(rng.choice(_BACKS), np.float32) * uniform(rng, 0.85, 1.03)
    uneven = clouds(window.shape, rng, period=60) * uniform(rng, 0.5, 4) + grain(window.shape, rng, sheet.tone.noise)
    return np.asarray(back * (1 - writing)[..., None] + uneven[..., None], np.float32)


def _flap(
    sheet: Sheet, window: Window, line: FoldLine, tile: Field, *, distance: Field, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Lay the flap on the page: its shadow, its back, and the dark band along the fold."""
    squeeze = 1.0 if chance(rng, 0.55) else uniform(rng, 0.55, 0.97)
    size = (window.right - window.left, window.bottom - window.top)
    into = line.mirror(squeeze).astype(np.float64)
    into[:, 2] -= (window.left, window.top)
    flap = cv2.warpAffine(sheet.cover, into, size, flags=cv2.INTER_LINEAR)
    flap = np.asarray(flap * np.clip(0.5 - distance, 0, 1), np.float32)
    deep = max(8.0, float(-distance[flap > 0.5].min()) if (flap > 0.5).any() else 8.0)
    away = np.clip(-distance / deep, 0, 1)
    lift = uniform(rng, 0.2, 1.0) * (1.6 - squeeze)  # a flap that stands up casts a longer shadow
    angle = uniform(rng, 0, 2 * np.pi)
    near = soften(shift(flap, np.cos(angle) * 1.5, np.sin(angle) * 1.5), 1.3)
    far = soften(shift(flap, np.cos(angle) * 9 * lift, np.sin(angle) * 9 * lift), 1.5 + 9 * lift)
    shadow = near * uniform(rng, 0.08, 0.3) * (1 - 0.5 * away) + far * uniform(rng, 0.08, 0.34) * (0.3 + 0.7 * away)
    on_paper = np.clip(sheet.cover[window.slices] + 0.25, 0, 1)
    tile = np.asarray(tile * (1 - np.clip(shadow, 0, 0.75) * on_paper)[..., None], np.float32)
    back = _back_of(sheet, window, line, squeeze, rng)
    band = uniform(rng, 2.5, 9.0)
    roll = uniform(rng, 0.08, 0.4) * np.exp(distance / band) + uniform(rng, -0.07, 0.1) * away
    rim = soften(flap, 1.0)
    edge = uniform(rng, -0.06, 0.1) * np.clip(1.6 - 1.6 * rim, 0, 1)
    back = np.clip(back * (1 - roll - edge)[..., None], 0, 255)
    return over(tile, np.asarray(back, np.float32), flap), flap
