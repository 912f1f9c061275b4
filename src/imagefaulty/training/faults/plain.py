"""Faults as a plain drawing program makes them: flat triangles, cut corners and coloured rectangles.

They are less true than the rest. A model that has seen both does not lean on the habits of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    chance,
    fraction,
    grain,
    ink,
    luminance,
    over,
    shift,
    soften,
    to_pixels,
    uniform,
)
from imagefaulty.training.faults.corner_faults import any_corner
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, corner_line
from imagefaulty.training.faults.handwriting import handwriting, printing, resized
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import CORNERS, EDGES, Sheet, matched
from imagefaulty.training.faults.stand_ins import lettering, scribble, words

Colour = tuple[float, float, float]
_NOTES: tuple[Colour, ...] = (
    (255, 255, 153), (255, 242, 117), (255, 235, 59), (254, 240, 138), (255, 192, 203), (255, 182, 193),
    (244, 143, 177), (173, 216, 230), (144, 202, 249), (144, 238, 144), (197, 225, 165), (255, 204, 128), (255, 165, 0),
    (221, 160, 221), (255, 255, 0), (255, 250, 205),
)  # fmt: skip


def _filled(points: Sequence[np.ndarray] | np.ndarray, shape: tuple[int, ...]) -> Field:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return fraction(mask)


def _shades(sheet: Sheet, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Choose a flap's colour and that of the gap behind it."""
    paper = np.array(sheet.tone.paper, np.float32)
    flaps = (
        np.full(3, uniform(rng, 225, 255)),
        np.full(3, uniform(rng, 150, 225)),
        paper * uniform(rng, 0.72, 0.97),
        np.minimum(paper * uniform(rng, 1.0, 1.08), 255),
        np.array([235.0, 222.0, 190.0]) * uniform(rng, 0.85, 1.05),
    )
    bed = sheet.bed.pixels[::32, ::32].reshape(-1, 3).mean(axis=0)
    gaps = (np.zeros(3), np.full(3, 255.0), np.full(3, uniform(rng, 30, 220)), bed, paper * uniform(rng, 0.55, 0.85))
    flap = flaps[int(rng.integers(len(flaps)))]
    gap = gaps[int(rng.choice(5, p=(0.28, 0.22, 0.15, 0.25, 0.1)))]
    return tuple(float(v) for v in flap), tuple(float(v) for v in gap)  # type: ignore[return-value]


def _shaded(tile: Field, shape: Field, rng: np.random.Generator) -> Field:
    """Lay a drop shadow: none, flat and offset, or blurred."""
    style = int(rng.integers(3))
    if style == 0:
        return tile
    dx, dy = rng.uniform(-6, 6, 2)
    moved = shift(shape, float(dx), float(dy))
    cast = moved if style == 1 else soften(moved, uniform(rng, 2, 9))
    return np.asarray(tile * (1 - uniform(rng, 0.15, 0.6) * cast)[..., None], np.float32)


def _corner(sheet: Sheet, tile: Field, rng: np.random.Generator) -> tuple[Field, Field, str]:
    corner = any_corner(rng)
    across = float(np.clip(rng.lognormal(np.log(0.12), 0.5), 0.045, 0.35))
    line = corner_line(sheet, corner, across, float(np.clip(across * uniform(rng, 0.4, 1.4), 0.035, 0.35)))
    tip = sheet.quad[corner]
    flap_colour, gap_colour = _shades(sheet, rng)
    style = str(rng.choice(("flap", "cut", "filled", "tinted", "jagged"), p=(0.4, 0.17, 0.18, 0.11, 0.14)))
    cut = np.stack([line.start, line.end]).astype(np.float64)
    if style == "jagged":
        count = int(rng.integers(4, 16))
        along = np.linspace(0, 1, count)[:, None]
        swing = rng.uniform(-1, 1, (count, 1)) * line.length * uniform(rng, 0.03, 0.14)
        cut = line.start + (line.end - line.start) * along + line.normal * swing
    gap = _filled(np.concatenate([cut, tip[None]]), tile.shape)
    mask = gap
    if style in {"flap", "cut", "jagged"}:
        tile = over(tile, gap_colour, gap)
    if style == "flap":
        folded = cv2.transform(tip[None, None].astype(np.float32), line.mirror(uniform(rng, 0.6, 1.0)))[0, 0]
        flap = _filled(np.stack([line.start, line.end, folded]), tile.shape)
        tile = over(_shaded(tile, flap, rng), _gradient(flap_colour, tile.shape, rng), flap)
        mask = np.maximum(gap, flap)
    elif style == "filled":  # the corner itself is painted as the back of the sheet
        tile = over(_shaded(tile, gap, rng), _gradient(flap_colour, tile.shape, rng), gap)
    elif style == "tinted":  # darkened only, strongest at the fold or at the tip
        x, y = np.meshgrid(np.arange(tile.shape[1]), np.arange(tile.shape[0]))
        away = (x - line.start[0]) * line.normal[0] + (y - line.start[1]) * line.normal[1]
        deep = max(4.0, float((tip - line.start) @ line.normal))
        slope = np.clip(away / deep, 0, 1) if chance(rng, 0.5) else 1 - np.clip(away / deep, 0, 1)
        tile = np.asarray(tile * (1 - gap * uniform(rng, 0.2, 0.6) * (0.35 + 0.65 * slope))[..., None], np.float32)
    if style == "tinted" or (style != "jagged" and chance(rng, 0.45)):
        level = uniform(rng, 20, 170)
        line_mask = np.zeros(tile.shape[:2], np.uint8)
        ends = [tuple(int(v * 8) for v in end) for end in (line.start, line.end)]
        cv2.line(line_mask, ends[0], ends[1], 255, int(rng.integers(1, 4)), cv2.LINE_AA, 3)
        tile = over(tile, (level, level, level), fraction(line_mask) * uniform(rng, 0.4, 1.0))
    return tile, mask, f"{style}/{CORNERS[corner]}"


def _gradient(colour: Colour, shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """Return a flat or evenly graded face of one colour."""
    face = np.broadcast_to(np.array(colour, np.float32), (shape[0], shape[1], 3)).astype(np.float32)
    if chance(rng, 0.5):
        x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None] * uniform(rng, -0.5, 0.5)
        y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None] * uniform(rng, -0.5, 0.5)
        face = np.asarray(face * np.clip(1 + (x + y) * 0.4, 0.6, 1.2)[..., None], np.float32)
    return np.asarray(np.clip(face, 0, 255), np.float32)


def _edge(sheet: Sheet, tile: Field, rng: np.random.Generator) -> tuple[Field, Field, str]:
    """Cut an edge along a zigzag, in a bite, or fold a strip of it."""
    edge = int(rng.integers(4))
    style = str(rng.choice(("zigzag", "bite", "strip"), p=(0.55, 0.37, 0.08)))
    start = uniform(rng, -0.05, 0.75)
    end = min(1.05, start + uniform(rng, 0.12, 0.9))
    if style == "strip" or chance(rng, 0.3):  # all along the edge
        start, end = -0.05, 1.05
    count = int(rng.integers(5, 45))
    t = np.linspace(start, end, count)
    deep = uniform(rng, 0.02, 0.1)
    if style == "zigzag":
        depth = deep * rng.uniform(0.25, 1.0, count)
    elif style == "bite":
        depth = deep * 1.6 * np.sin(np.linspace(0, np.pi, count)) ** uniform(rng, 0.4, 1.2) + rng.normal(
            0, 0.002, count
        )
    else:
        depth = np.linspace(deep, deep * uniform(rng, -0.3, 1.2), count)
    ends = np.concatenate([[-0.02], np.maximum(depth, -0.01), [-0.02]])
    along = np.concatenate([[t[0]], t, [t[-1]]])
    places = {0: (along, ends), 1: (1 - ends, along), 2: (along, 1 - ends), 3: (ends, along)}[edge]
    points = np.stack([sheet.point(float(u), float(v)) for u, v in zip(*places, strict=True)])
    gap = _filled(points, tile.shape)
    gap = np.asarray(gap * np.clip(sheet.cover + 0.02, 0, 1), np.float32)
    flap_colour, gap_colour = _shades(sheet, rng)
    face = _gradient(flap_colour, tile.shape, rng) if style == "strip" else _gradient(gap_colour, tile.shape, rng)
    tile = over(_shaded(tile, gap, rng) if style == "strip" or chance(rng, 0.3) else tile, face, gap)
    return tile, gap, f"{style}/{EDGES[edge]} edge"


def plain_corner(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Draw a folded, cut or torn corner or edge with flat colours and straight lines."""
    del materials
    tile = sheet.pixels.astype(np.float32)
    tile, mask, name = _corner(sheet, tile, rng) if chance(rng, 0.72) else _edge(sheet, tile, rng)
    pixels = to_pixels(tile)
    if not sheet.tone.colour:
        pixels = to_pixels(np.repeat(luminance(pixels)[..., None], 3, axis=2))
    return Change(replace(sheet, pixels=pixels), mask, name)


def _text(face: Field, materials: Materials, rng: np.random.Generator) -> Field:
    """Write on a flat note: scrawl, set type, lifted hand or print, or nothing."""
    rows, columns = face.shape[:2]
    style = str(rng.choice(("scrawl", "type", "hand", "print", "none"), p=(0.24, 0.22, 0.24, 0.14, 0.16)))
    if style == "none" or min(rows, columns) < 20:
        return face
    if style in {"hand", "print"}:
        source = handwriting if style == "hand" else printing
        alpha = source(materials, rng, width=uniform(rng, 0.15, 0.4), height=uniform(rng, 0.04, 0.15))
    else:
        size = uniform(rng, 0.07, 0.16) * rows
        lines = []
        for _ in range(int(rng.integers(1, 6))):
            if style == "scrawl":
                lines.append(scribble(rng, width=max(20, int(columns * uniform(rng, 0.4, 0.8))), height=size * 0.5))
            else:
                lines.append(lettering(words(rng, int(rng.integers(1, 4))), max(6.0, size), width_limit=columns))
        wide = max(line.shape[1] for line in lines)
        alpha = np.concatenate([np.pad(line, ((0, 3), (0, wide - line.shape[1]))) for line in lines])
    alpha = resized(alpha, scale=min(0.88 * columns / alpha.shape[1], 0.85 * rows / alpha.shape[0], 2.0))
    top = int(uniform(rng, 0.05, 0.95) * (rows - alpha.shape[0]))
    left = int(uniform(rng, 0.05, 0.95) * (columns - alpha.shape[1]))
    place = (slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1]))
    dark: Colour = ((15, 15, 20), (30, 40, 120), (60, 60, 60), (150, 25, 30))[int(rng.integers(4))]
    face[place] = ink(face[place], alpha, dark)
    return face


def plain_note(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Lay one to three flat rectangles in note colours, or on grey pages a little darker or lighter than the paper."""
    tile = sheet.pixels.astype(np.float32)
    whole = np.zeros(sheet.cover.shape, np.float32)
    grey = not sheet.tone.bilevel and chance(rng, 0.25 if sheet.tone.colour else 0.6)
    if grey:
        tile = np.repeat(luminance(tile)[..., None], 3, axis=2)
    for _ in range(1 + int(chance(rng, 0.25)) + int(chance(rng, 0.1))):
        width = int(min(sheet.size) * uniform(rng, 0.11, 0.42))
        height = max(16, int(width * uniform(rng, 0.55, 1.25)))
        if grey:
            level = float(np.mean(sheet.tone.paper))
            step = uniform(rng, 9, 75) * (-1 if level > 232 or chance(rng, 0.75) else 1)
            colour: Colour = (max(40.0, min(252.0, level + step)),) * 3
        else:
            colour = _NOTES[int(rng.integers(len(_NOTES)))]
        face = _gradient(colour, (height, width), rng)
        face = _text(face + grain((height, width), rng, uniform(rng, 0, 1.5))[..., None], materials, rng)
        u, v = uniform(rng, 0.1, 0.9), uniform(rng, 0.08, 0.92)
        middle = sheet.point(u, v)
        degrees = float(rng.normal(0, 5)) if chance(rng, 0.65) else 0.0
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        turn[:, 2] += (middle[0] - width / 2, middle[1] - height / 2)
        size = (tile.shape[1], tile.shape[0])
        mask = np.asarray(cv2.warpAffine(np.ones((height, width), np.float32), turn, size), np.float32)
        layer = cv2.warpAffine(face, turn, size, borderMode=cv2.BORDER_REPLICATE)
        tile = _shaded(tile, mask, rng)
        tile = over(tile, np.asarray(layer, np.float32), mask * (uniform(rng, 0.75, 0.97) if chance(rng, 0.15) else 1))
        if grey or chance(rng, 0.2):  # one soft edge, or a thin outline
            rim = mask * (1 - shift(mask, *(float(v) for v in rng.uniform(-2.5, 2.5, 2))))
            tile = np.asarray(tile * (1 - uniform(rng, 0.1, 0.6) * soften(rim, 0.7))[..., None], np.float32)
        whole = np.maximum(whole, mask)
    pixels = to_pixels(tile)
    if not sheet.tone.colour and not grey and chance(rng, 0.5):  # else pasted in colour on a grey page
        pixels = (
            matched(sheet, pixels, whole, rng)
            if not sheet.tone.bilevel
            else to_pixels(np.repeat(luminance(tile)[..., None], 3, axis=2))
        )
    return Change(replace(sheet, pixels=pixels), whole, "grey" if grey else "coloured")
