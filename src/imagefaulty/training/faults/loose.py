"""Loose sheets as archives photograph them: on paper, felt or a lid of nearly their own colour, worn or torn or sound.

The sheet is torn first and laid out afterwards, so that the shadow on the bed follows the torn outline.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.circumstances import uneven_edge, without_bed
from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    over,
    shift,
    soften,
    to_pixels,
    uniform,
    wavy,
)
from imagefaulty.training.faults.corner_faults import fold_corner
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.materials import Bed, Materials
from imagefaulty.training.faults.sheet import Sheet
from imagefaulty.training.faults.tears import EdgeFrame, frayed, missing_corner, torn_away, torn_edge

RELAID_SHARE = 0.55  # of the sheets with a bed of their own are cut out and laid on another


def near_bed(sheet: Sheet, rng: np.random.Generator) -> Bed:
    """Return a bed of nearly the paper's colour: 3 to 28 levels lighter or darker, a little cooler or warmer."""
    paper = np.array(sheet.tone.paper, np.float32)
    step = uniform(rng, 3, 12) if chance(rng, 0.55) else uniform(rng, 10, 28)
    lighter = float(paper.mean()) < 236 and chance(rng, 0.6)
    colour = paper + (step if lighter else -step) + rng.normal(0, 3.0, 3) * sheet.tone.colour
    if sheet.tone.colour and chance(rng, 0.35):  # white board or bluish felt under yellowed paper
        colour = np.full(3, float(colour.mean())) + np.array([-1.5, 0, 2.5]) * uniform(rng, 0, 2)
    size = (sheet.pixels.shape[0], sheet.pixels.shape[1])
    return Bed.plain("near", size, np.clip(colour, 4, 253), uniform(rng, 0.5, 2.5), rng)


def with_bed(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Choose what a loose sheet lies on: something of its own colour in two of three cases."""
    if sheet.tone.bilevel or chance(rng, 0.36):
        tone = sheet.tone
        size = (sheet.pixels.shape[0], sheet.pixels.shape[1])
        bed = materials.bed(size, rng, tone_paper=tone.paper, grey=not tone.colour, bilevel=tone.bilevel)
        return replace(sheet, bed=bed)
    return replace(sheet, bed=near_bed(sheet, rng))


def _guard(under: Field, sheet: Sheet, rng: np.random.Generator) -> Field:
    """Lay the stub or the neighbouring leaf of the volume along one side of the bed."""
    height, width = under.shape[:2]
    wide = int(width * uniform(rng, 0.03, 0.2))
    top = int(height * uniform(rng, -0.1, 0.12)) if chance(rng, 0.6) else 0
    low = int(height * uniform(rng, 0.8, 1.1)) if chance(rng, 0.6) else height
    leaf = np.zeros((height, width), np.float32)
    leaf[max(0, top) : low, :wide] = 1
    if chance(rng, 0.5):
        leaf = np.ascontiguousarray(leaf[:, ::-1])
    paper = np.array(sheet.tone.paper, np.float32) * uniform(rng, 0.86, 1.02)
    rough = clouds((height, width), rng, period=width / 3, octaves=2) * 2.5
    shade = soften(shift(leaf, *rng.uniform(-2, 2, 2)), uniform(rng, 0.8, 4)) * uniform(rng, 0.1, 0.45)
    under = np.asarray(under * (1 - shade)[..., None], np.float32)
    return over(under, np.asarray(np.minimum(paper, 253) + rough[..., None], np.float32), leaf)


def laid_out(sheet: Sheet, gone: Field, rng: np.random.Generator, *, whole: Pixels | None = None) -> Change:
    """Lay a sheet that fills its image out on its bed, smaller, with a shadow that follows its outline.

    Args:
        sheet: The sheet; ``cover`` is 0 where paper is missing.
        gone: Mask of the fault over the page; it moves with the sheet.
        whole: The sheet's pixels before the fault, for the change's ``sound``; None without a fault.
        rng: Source of chance.
    """
    height, width = sheet.pixels.shape[:2]
    scale = uniform(rng, 0.86, 0.985) if chance(rng, 0.6) else uniform(rng, 0.6, 0.88)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 0.7)), scale)
    room = np.array([width, height]) * (1 - scale) / 2
    turn[:, 2] += rng.uniform(-1.1, 1.1, 2) * room  # a side may lie just outside the image
    size = (width, height)
    way = cv2.INTER_AREA if scale < 0.75 else cv2.INTER_LINEAR
    moved = cv2.warpAffine(sheet.pixels, turn, size, flags=way, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    cover = np.asarray(cv2.warpAffine(sheet.cover, turn, size, flags=cv2.INTER_LINEAR), np.float32)
    mask = np.asarray(cv2.warpAffine(gone, turn, size, flags=cv2.INTER_LINEAR), np.float32)
    under = sheet.bed.pixels.astype(np.float32)
    if not sheet.tone.bilevel and chance(rng, 0.3):
        under = _guard(under, sheet, rng)
    angle, reach = uniform(rng, 0, 2 * np.pi), uniform(rng, 0.6, 3.5)
    cast = soften(shift(cover, np.cos(angle) * reach, np.sin(angle) * reach), uniform(rng, 0.7, 3.0))
    ring = soften(cover, uniform(rng, 0.8, 5.0))
    shade = np.maximum(cast * uniform(rng, 0.14, 0.5), ring * uniform(rng, 0.04, 0.25))
    pixels = to_pixels(over(np.asarray(under * (1 - shade)[..., None], np.float32), moved, cover))
    quad = np.asarray(cv2.transform(sheet.quad[None], turn)[0], np.float32)
    laid = replace(sheet, pixels=pixels, cover=cover, quad=quad, framed=True)
    sound = pixels
    if whole is not None:
        sound = cv2.warpAffine(whole, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Change(laid, mask, f"{sheet.bed.name} bed", np.asarray(sound, np.uint8))


def worn(sheet: Sheet, rng: np.random.Generator) -> Change:
    """Wear a letter: two to four corners rounded off or lost (1.2 to 6 %), one to three edges eaten by 0.5 to 2 %."""
    whole = np.zeros(sheet.cover.shape, np.float32)
    lost = [uniform(rng, 0.012, 0.06) * min(sheet.size) if chance(rng, 0.7) else 0.0 for _ in range(4)]
    eaten = rng.permutation(4)[: int(rng.integers(1, 4))]
    for edge in range(4):
        frame = EdgeFrame.at(sheet, edge, 0.1 * max(sheet.size))
        count = int(frame.length) + 3
        t = np.arange(count, dtype=np.float32)
        depth = np.zeros(count, np.float32)
        if edge in eaten:
            base = uniform(rng, 0.003, 0.012) * frame.across
            depth = base * np.maximum(
                0, 0.7 + 1.6 * wavy(count, rng, period=count * uniform(rng, 0.06, 0.4), octaves=5)
            )
        for at, size in ((0.0, lost[edge]), (float(frame.length), lost[(edge + 1) % 4])):
            if size > 1:  # a quarter circle from either edge, roughened
                near = np.clip(1 - np.abs(t - at) / size, 0, 1)
                depth = np.maximum(depth, size * 0.55 * near ** uniform(rng, 1.0, 2.6))
        depth = depth + (depth > 0.8) * wavy(count, rng, period=9, octaves=3) * uniform(rng, 0.2, 1.4)
        sheet, gone = torn_away(sheet, frame.window, frame.missing(np.maximum(depth, 0).astype(np.float32)), rng)
        whole = np.maximum(whole, gone)
    return Change(sheet, whole, "worn")


def loose_torn(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Tear, fray, wear or fold a sheet behind, and lay it out on something of nearly its own colour."""
    if chance(rng, RELAID_SHARE):
        sheet = without_bed(sheet)
    ready = sheet if sheet.framed else with_bed(sheet, materials, rng)
    kind = str(rng.choice(("worn", "frayed", "edge", "corner", "fold"), p=(0.27, 0.22, 0.25, 0.14, 0.12)))
    if kind == "worn":
        torn = worn(ready, rng)
    elif kind == "frayed":
        torn = frayed(ready, rng)
    elif kind == "edge":
        torn = torn_edge(ready, materials, rng)
    elif kind == "corner":
        torn = missing_corner(ready, materials, rng)
    else:
        torn = fold_corner(ready, materials, rng, "behind")
    if kind in {"edge", "corner"} and chance(rng, 0.4):
        more = worn(torn.sheet, rng)
        torn = Change(more.sheet, np.maximum(torn.mask, more.mask), torn.detail)
    if ready.framed:
        return replace(torn, detail=f"{kind}/{ready.bed.name} bed", sound=ready.pixels)
    out = laid_out(torn.sheet, torn.mask, rng, whole=ready.pixels)
    return replace(out, detail=f"{kind}/{out.detail}")


def loose_leaf(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Lay a sound sheet out on the same beds: the twin of the torn one, its edges straight or a little uneven."""
    if chance(rng, RELAID_SHARE):
        sheet = without_bed(sheet)
    nothing = np.zeros(sheet.cover.shape, np.float32)
    if sheet.framed:
        return Change(sheet, nothing, f"{sheet.bed.name} bed")
    ready = with_bed(sheet, materials, rng)
    if chance(rng, 0.4):
        ready = uneven_edge(ready, materials, rng).sheet
    out = laid_out(ready, nothing, rng)
    return Change(out.sheet, np.zeros(out.sheet.cover.shape, np.float32), out.detail)
