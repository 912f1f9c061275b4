"""The sheet of paper within a page image: its outline, its tone, and the bed that it lies on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from imagefaulty.training.faults.compositing import chance, fraction, grain, luminance, over, soften, to_pixels, uniform
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.materials import Bed, Materials

Trim = Literal["nothing", "bed", "paper"]
CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
EDGES = ("top", "right", "bottom", "left")
_PAPER_REACH, _PAPER_SHARE = (
    75.0,
    0.62,
)  # RGB distance, and how much of a side must be paper: print covers up to a third
_GREY_SPREAD = 0.3  # levels of |red - blue|: true grey pages have 0.05 at most, the greyest colour scans 0.5
_DESK_SHARE = 0.1  # of the sheets laid on a bed lie askew and small in the picture, as on a desk
_SMALL = 256  # px, long side at which the outline is sought: 4 px accuracy on a 1024 px page, 2 ms


@dataclass(frozen=True, slots=True)
class Tone:
    """How the page was reproduced, so that drawn parts can be given the same look.

    Attributes:
        colour: False for a grey page.
        bilevel: True for a page of black and white only.
        paper: Median colour of the paper, RGB 0..255.
        noise: Standard deviation of the grain on the paper, levels.
    """

    colour: bool
    bilevel: bool
    paper: tuple[float, float, float]
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A page image taken apart.

    Attributes:
        pixels: uint8 (h, w, 3) RGB.
        quad: float32 (4, 2), the sheet's corners x, y in px: top left, top right, bottom right, bottom left.
        cover: float32 (h, w), 1 on the paper, 0 on the bed.
        bed: What shows where paper is missing.
        tone: See :class:`Tone`.
        framed: True where the bed is visible around the sheet.
    """

    pixels: Pixels
    quad: Field
    cover: Field
    bed: Bed
    tone: Tone
    framed: bool

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the paper in px."""
        top_left, top_right, _, bottom_left = self.quad
        return float(np.linalg.norm(top_right - top_left)), float(np.linalg.norm(bottom_left - top_left))

    def point(self, u: float, v: float) -> Field:
        """Return the page position (x, y) of a point given as fractions of the sheet's width and height."""
        a, b, c, d = self.quad
        return np.asarray((1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * d + u * c), np.float32)


def tone_of(pixels: Pixels, cover: Field | None = None) -> Tone:
    """Estimate how a page was reproduced from a sparse sample of its pixels."""
    sample = pixels[::4, ::4]
    spread = float(np.abs(sample[..., 0].astype(np.int16) - sample[..., 2]).mean())
    grey = luminance(sample)
    inside = grey if cover is None else grey[cover[::4, ::4] > 0.5]
    inside = inside if inside.size else grey
    extremes = float(((inside < 40) | (inside > 225)).mean())
    bright = grey >= np.percentile(inside, 55)
    if cover is not None:
        bright &= cover[::4, ::4] > 0.5
    paper = np.median(sample[bright], axis=0) if bright.any() else np.array([235, 232, 225])
    middle = pixels[pixels.shape[0] // 8 : -(pixels.shape[0] // 8) or None : 1, :, 1]
    # Half-steps between neighbours, the strongest (ink) left out: robust, and finer than a median of whole levels.
    steps = np.abs(np.diff(middle[::2].astype(np.int16), axis=1))
    noise = float(np.clip(steps[steps <= 12].mean() * 0.75, 0.3, 7)) if steps.size else 1.0
    bilevel = extremes > 0.9 and spread < 3 and float(paper.mean()) > 245
    return Tone(
        spread > _GREY_SPREAD and not bilevel,
        bilevel,
        (float(paper[0]), float(paper[1]), float(paper[2])),
        0.0 if bilevel else noise,
    )


def matched(sheet: Sheet, pixels: Pixels, changed: Field, rng: np.random.Generator) -> Pixels:
    """Give the ``changed`` parts the reproduction of the page: grey on a grey page, bilevel on a bilevel one."""
    tone = sheet.tone
    if tone.colour:
        return pixels
    grey = luminance(pixels)
    if tone.bilevel:
        level = uniform(rng, 110, 165)
        noisy = grey + grain(grey.shape, rng, uniform(rng, 10, 40))
        hard = np.where(noisy > level, np.float32(255), np.float32(0))
        hard = soften(hard, 0.45)
        where = np.clip(soften(cv2.dilate(changed, np.ones((9, 9), np.uint8)), 1.0) * 1.5, 0, 1)
        grey = grey + (hard - grey) * where
    return to_pixels(np.repeat(grey[..., None], 3, axis=2))


def _bed_mask(small: Pixels) -> NDArray[np.bool_]:
    """Return where the bed is visible: what hangs together with the border and differs from the paper."""
    blurred = cv2.GaussianBlur(small, (5, 5), 0).astype(np.float32)
    height, width = blurred.shape[:2]
    middle = blurred[height // 5 : -height // 5, width // 5 : -width // 5].reshape(-1, 3)
    bright = middle[middle.sum(axis=1) >= np.percentile(middle.sum(axis=1), 40)]
    paper = np.median(bright, axis=0)
    away = np.linalg.norm(blurred - paper, axis=2)
    found = np.zeros((height, width), bool)
    for side in (blurred[:2], blurred[-2:], blurred[:, :2], blurred[:, -2:]):
        colour = np.median(side.reshape(-1, 3), axis=0)
        if np.linalg.norm(colour - paper) < 28:
            continue
        tolerance = min(0.45 * float(np.linalg.norm(colour - paper)), 60.0)
        like = (np.linalg.norm(blurred - colour, axis=2) < tolerance) & (away > 14)
        _, parts = cv2.connectedComponents(like.astype(np.uint8))
        rim = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        found |= np.isin(parts, rim[rim > 0])
    return found


def _side_line(first: NDArray[np.integer], length: int) -> tuple[float, float, float]:
    """Fit ``position = a + b * t`` to the first paper pixel along a side; return a, b and the median misfit in px."""
    t = np.arange(len(first), dtype=np.float64)
    keep = slice(length // 8, -length // 8)
    t, y = t[keep], first[keep].astype(np.float64)
    slope, start = 0.0, float(np.median(y))
    for _ in range(4):
        misfit = np.abs(y - start - slope * t)
        near = misfit <= max(1.5, float(np.median(misfit)))
        slope, start = (float(value) for value in np.polyfit(t[near], y[near], 1))
    return start, slope, float(np.median(np.abs(y - start - slope * t)))


def _first(paper: NDArray[np.bool_], axis: int, *, back: bool) -> NDArray[np.integer]:
    view = np.flip(paper, axis=axis) if back else paper
    first = view.argmax(axis=axis)
    return paper.shape[axis] - first if back else first


def _meet(row: tuple[float, float, float], column: tuple[float, float, float]) -> tuple[float, float]:
    """Where the line y = a + b x (row) meets the line x = c + d y (column)."""
    y = (row[0] + row[1] * column[0]) / (1 - row[1] * column[1])
    return column[0] + column[1] * y, y


def _outline(pixels: Pixels) -> tuple[Field, Field] | None:
    """Return the corners and the cover of a sheet that lies on a visible bed, else None."""
    scale = min(1.0, _SMALL / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bed = _bed_mask(np.asarray(small, np.uint8))
    if not 0.015 < float(bed.mean()) < 0.6:
        return None
    paper = ~bed
    count, parts, stats, _ = cv2.connectedComponentsWithStats(paper.astype(np.uint8))
    if count < 2:
        return None
    paper = parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    height, width = paper.shape
    top = _side_line(_first(paper, 0, back=False), width)
    bottom = _side_line(_first(paper, 0, back=True), width)
    left = _side_line(_first(paper, 1, back=False), height)
    right = _side_line(_first(paper, 1, back=True), height)
    if max(line[2] for line in (top, bottom, left, right)) > 2.0:
        return None
    if max(abs(line[1]) for line in (top, bottom, left, right)) > 0.16:
        return None
    quad = np.array([_meet(top, left), _meet(top, right), _meet(bottom, right), _meet(bottom, left)], np.float32)
    hull = np.zeros(paper.shape, np.uint8)
    cv2.fillConvexPoly(hull, np.round(quad).astype(np.int32), 1)
    union = float((paper | (hull > 0)).sum())
    if union == 0 or float((paper & (hull > 0)).sum()) / union < 0.9 or float(hull.mean()) < 0.3:
        return None
    # Ragged edges are kept, but what sticks out of the sheet (a shadow, a colour chart) is not paper.
    near, core = (way(hull, np.ones((size, size), np.uint8)) > 0 for way, size in ((cv2.dilate, 3), (cv2.erode, 9)))
    kept = (paper & near) | core
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    solid = cv2.morphologyEx(cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
    cover = cv2.resize(solid.astype(np.float32), (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    return quad / np.float32(scale), np.clip((cover - 0.5) * 4 + 0.5, 0, 1).astype(np.float32)


def _full(pixels: Pixels, bed: Bed) -> Sheet:
    height, width = pixels.shape[:2]
    quad = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return Sheet(pixels, quad, np.ones((height, width), np.float32), bed, tone_of(pixels), framed=False)


def _trimmed(pixels: Pixels) -> Pixels:
    """Cut bed-coloured margins off a page whose outline is not a plain sheet, so that its edges are paper."""
    scale = min(1.0, _SMALL / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    paper = ~_bed_mask(np.asarray(small, np.uint8))
    rows = np.flatnonzero(paper.mean(axis=1) > 0.75)
    columns = np.flatnonzero(paper.mean(axis=0) > 0.75)
    if len(rows) < 0.4 * paper.shape[0] or len(columns) < 0.4 * paper.shape[1]:
        return pixels
    top, bottom = int((rows[0] + 2) / scale), int((rows[-1] - 1) / scale)
    left, right = int((columns[0] + 2) / scale), int((columns[-1] - 1) / scale)
    if rows[0] == 0:
        top = 0
    if columns[0] == 0:
        left = 0
    bottom = pixels.shape[0] if rows[-1] == paper.shape[0] - 1 else bottom
    right = pixels.shape[1] if columns[-1] == paper.shape[1] - 1 else right
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def _within_paper(pixels: Pixels) -> Pixels:
    """Cut sides away, up to 30 % each, until the border is mostly paper: a photograph of a page on a desk needs it."""
    small = np.asarray(cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA), np.float32)
    core = small[16:48, 16:48].reshape(-1, 3)
    paper = np.median(core[core.sum(axis=1) >= np.percentile(core.sum(axis=1), 40)], axis=0)
    like = np.linalg.norm(small - paper, axis=2) < _PAPER_REACH
    low, high = [0, 0], [64, 64]
    for _ in range(4 * 19):
        sides = ((0, like[low[0], low[1] : high[1]]), (1, like[high[0] - 1, low[1] : high[1]]),
                 (2, like[low[0] : high[0], low[1]]), (3, like[low[0] : high[0], high[1] - 1]))  # fmt: skip
        worst, share = min(((side, float(part.mean())) for side, part in sides), key=lambda pair: pair[1])
        if share > _PAPER_SHARE or high[0] - low[0] < 26 or high[1] - low[1] < 26:
            break
        low[worst // 2] += worst % 2 == 0
        high[worst // 2] -= worst % 2 == 1
    height, width = pixels.shape[:2]
    cut = (slice(low[0] * height // 64, high[0] * height // 64), slice(low[1] * width // 64, high[1] * width // 64))
    return np.ascontiguousarray(pixels[cut])


def find_sheet(pixels: Pixels, *, materials: Materials, rng: np.random.Generator, trim: Trim = "bed") -> Sheet:
    """Find the sheet of paper in a page image.

    Where a bed is visible around a roughly rectangular sheet, its outline and the bed's colour are taken from the
    page. Where the page fills the image, the image's border is the sheet's, and a bed is chosen from ``materials``.
    Of a page with margins but no plain outline (an open book, a torn sheet) ``trim="bed"`` cuts margins off;
    ``"paper"`` cuts until the border is paper on all sides, which a fault at the image's border needs; ``"nothing"``
    leaves the page whole, which a page with a real fault needs.
    """
    outline = _outline(pixels)
    if outline is not None:
        quad, cover = outline
        outside = cv2.erode((cover < 0.01).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if float(outside.mean()) > 0.004:
            colours = pixels[outside][::7].astype(np.float32)
            bed = Bed.plain(
                "found", pixels.shape[:2], np.median(colours, axis=0), colours.std(axis=0).mean() * 0.6, rng
            )
            return Sheet(pixels, quad, cover, bed, tone_of(pixels, cover), framed=True)
    if trim != "nothing":
        pixels = _within_paper(_trimmed(pixels)) if trim == "paper" else _trimmed(pixels)
    tone = tone_of(pixels)
    bed = materials.bed(pixels.shape[:2], rng, tone_paper=tone.paper, grey=not tone.colour, bilevel=tone.bilevel)
    return _full(pixels, bed)


def laid(sheet: Sheet, rng: np.random.Generator, *, most_turn: float = 1.6, smallest: float = 0.88) -> Sheet:
    """Lay a page that fills its image on the bed, with a margin and a slight turn of up to ``most_turn`` degrees.

    Args:
        sheet: The page.
        rng: Source of chance.
        most_turn: Two standard deviations of the turn in degrees.
        smallest: Least size of the sheet as a share of the image.
    """
    height, width = sheet.pixels.shape[:2]
    scale = uniform(rng, smallest, 0.985)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, most_turn / 2)), scale)
    turn[:, 2] += rng.uniform(-0.5, 0.5, 2) * (1 - scale) * np.array([width, height])
    moved = cv2.warpAffine(sheet.pixels, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    cover = np.asarray(cv2.warpAffine(sheet.cover, turn, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    quad = np.asarray(cv2.transform(sheet.quad[None], turn)[0], np.float32)
    under = sheet.bed.pixels.astype(np.float32)
    if luminance(under[::16, ::16]).mean() > 60:  # a thin soft shadow rings the paper on a light bed
        strength, sigma = uniform(rng, 0.1, 0.4), uniform(rng, 1.5, 6)
        under = under * (1 - strength * soften(cover, sigma)[..., None])
    pixels = to_pixels(over(under, np.asarray(moved, np.float32), cover))
    return replace(sheet, pixels=pixels, cover=cover, quad=quad, framed=True)


def placed(
    pixels: Pixels, *, materials: Materials, rng: np.random.Generator, share: float = 0.45, trim: Trim = "bed"
) -> Sheet:
    """Find the sheet, and lay it on a bed in ``share`` of the cases in which it fills the image.

    Faulty and clean pages both come through here, so that the presence of a bed tells nothing.
    """
    sheet = find_sheet(pixels, materials=materials, rng=rng, trim=trim)
    if not sheet.framed and chance(rng, share):
        if not sheet.tone.bilevel and chance(rng, _DESK_SHARE):
            return laid(sheet, rng, most_turn=14.0, smallest=0.55)
        return laid(sheet, rng)
    return sheet


def over_next_sheet(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Put another sheet of a stapled set under this one: it shows wherever this one's paper is folded or missing."""
    under = materials.next_sheet(sheet.pixels.shape, rng, sheet.tone.paper)
    if not sheet.tone.colour:
        under = to_pixels(np.repeat(luminance(under)[..., None], 3, axis=2))
    quad = sheet.quad + rng.normal(0, 1.5, 2) + rng.normal(0, 1.0, (4, 2))
    mask = np.zeros(sheet.cover.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(quad * 8).astype(np.int32), 255, cv2.LINE_AA, 3)
    bed = over(sheet.bed.pixels.astype(np.float32), under.astype(np.float32), fraction(mask))
    return replace(sheet, bed=Bed("next sheet", to_pixels(bed)))
