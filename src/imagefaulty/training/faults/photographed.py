"""Pages as a camera sees them: a leaf of a bound volume among its neighbours, a desk around it, fingers on the edge."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.circumstances import without_bed
from imagefaulty.training.faults.compositing import chance, clouds, grain, over, soften, to_pixels, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, matched

_SKINS = ((214, 168, 140), (196, 148, 120), (164, 116, 90), (120, 82, 62), (226, 184, 160))


def _filled(quad: Field, shape: tuple[int, int]) -> Field:
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(quad * 8).astype(np.int32), 255, cv2.LINE_AA, 3)
    return np.asarray(mask, np.float32) / np.float32(255)


def _leaf_quad(width: int, height: int, *, spine_left: bool, rng: np.random.Generator) -> Field:
    """Where the leaf lies: the spine's side in the image, the others at, within or beyond its border."""
    inner = uniform(rng, -0.02, 0.3) if chance(rng, 0.7) else uniform(rng, 0.3, 0.45)
    outer, top, low = uniform(rng, 0.84, 1.05), uniform(rng, -0.05, 0.12), uniform(rng, 0.86, 1.06)
    quad = np.array([(inner, top), (outer, top), (outer, low), (inner, low)]) + rng.normal(0, 0.012, (4, 2))
    if not spine_left:
        quad[:, 0] = 1 - quad[:, 0]
        quad = quad[[1, 0, 3, 2]]
    return (quad * (width, height)).astype(np.float32)


def _stack(under: Field, quad: Field, sheet: Sheet, rng: np.random.Generator, *, spine_left: bool) -> Field:
    """Draw the edges of the leaves beneath: fine bright and dark lines along the fore-edge and the foot."""
    height, width = under.shape[:2]
    deep = uniform(rng, 0.008, 0.05) * width
    away = np.array([deep if spine_left else -deep, deep * uniform(rng, 0.0, 0.8)], np.float32)
    paper = np.array(sheet.tone.paper, np.float32)
    for share in np.linspace(1, 0.08, int(rng.integers(4, 14))):
        shade = uniform(rng, 0.55, 0.98)
        under = over(under, tuple(float(v) for v in paper * shade), _filled(quad + away * share, (height, width)))  # type: ignore[arg-type]
    return under


def _facing(under: Field, quad: Field, materials: Materials, rng: np.random.Generator, *, spine_left: bool) -> Field:
    """Lay the facing page along the spine, written by hand or printed, or blank."""
    height, width = under.shape[:2]
    page = materials.hand(rng) if chance(rng, 0.6) else materials.print(rng)
    side = [0, 3] if spine_left else [1, 2]
    spine = quad[side]
    reach = (-1.0 if spine_left else 1.0) * width * uniform(rng, 0.6, 1.0)
    outer = spine + np.array([reach, 0.0]) + rng.normal(0, 0.01, (2, 2)) * height
    target = np.array(
        [outer[0], spine[0], spine[1], outer[1]] if spine_left else [spine[0], outer[0], outer[1], spine[1]]
    )
    rows, columns = page.shape[:2]
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    moved = cv2.warpPerspective(page, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    return over(under, np.asarray(moved, np.float32), _filled(target.astype(np.float32), (height, width)))


def _fingers(tile: Field, rng: np.random.Generator) -> Field:
    """Hold the page down with one to three fingertips that come in from a side or from below."""
    height, width = tile.shape[:2]
    side = int(rng.integers(3))  # left, right, below
    along = uniform(rng, 0.1, 0.9)
    skin = np.array(_SKINS[int(rng.integers(len(_SKINS)))], np.float32) * uniform(rng, 0.6, 1.0)
    thick = uniform(rng, 0.014, 0.035) * max(height, width)
    for number in range(int(rng.integers(1, 4))):
        reach = uniform(rng, 0.03, 0.12) * width
        at = along + number * 2.3 * thick / (width if side == 2 else height)
        middle = {0: (0.0, at * height), 1: (float(width), at * height), 2: (at * width, float(height))}[side]
        axes = (int(thick), int(reach)) if side == 2 else (int(reach), int(thick))
        mask = np.zeros((height, width), np.float32)
        cv2.ellipse(mask, (int(middle[0]), int(middle[1])), axes, uniform(rng, -20, 20), 0, 360, 1.0, -1, cv2.LINE_AA)
        shade = soften(mask, thick * 0.3)
        tile = np.asarray(tile * (1 - 0.35 * np.clip(shade - mask, 0, 1))[..., None], np.float32)
        round_ = 0.72 + 0.4 * soften(mask, thick * 0.5)
        tile = over(tile, np.asarray(skin * round_[..., None], np.float32), mask)
    return tile


def bound(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Photograph the page as a leaf of an open volume: spine, facing page, edges of the leaves, desk, fingers."""
    sheet = without_bed(sheet)
    height, width = sheet.cover.shape
    spine_left = chance(rng, 0.5)
    quad = _leaf_quad(width, height, spine_left=spine_left, rng=rng)
    tone = sheet.tone
    desk = materials.bed((height, width), rng, tone_paper=tone.paper, grey=not tone.colour, bilevel=tone.bilevel)
    tile = desk.pixels.astype(np.float32)
    if chance(rng, 0.8):
        tile = _facing(tile, quad, materials, rng, spine_left=spine_left)
    if chance(rng, 0.75):
        tile = _stack(tile, quad, sheet, rng, spine_left=spine_left)
    matrix = cv2.getPerspectiveTransform(sheet.quad.astype(np.float32), quad)
    page = cv2.warpPerspective(sheet.pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    cover = _filled(quad, (height, width))
    tile = np.asarray(tile * (1 - soften(cover, 3) * uniform(rng, 0.05, 0.3))[..., None], np.float32)
    tile = over(tile, np.asarray(page, np.float32), cover)
    x = np.arange(width, dtype=np.float32)
    spine = float(quad[[0, 3] if spine_left else [1, 2], 0].mean())
    valley = uniform(rng, 0.15, 0.7) * np.exp(-np.abs(x - spine) / (width * uniform(rng, 0.012, 0.07)))
    light = 1 + uniform(rng, 0.03, 0.18) * clouds((height, width), rng, period=max(height, width))
    tile = np.asarray(tile * (light * (1 - valley)[None])[..., None], np.float32)
    if tone.colour and chance(rng, 0.35):
        tile = _fingers(tile, rng)
    tile = tile + grain((height, width), rng, tone.noise * 0.5)[..., None]
    whole = np.ones((height, width), np.float32)
    pixels = matched(sheet, to_pixels(np.asarray(tile, np.float32)), whole, rng)
    laid = replace(sheet, pixels=pixels, cover=cover, quad=quad, framed=True)
    return Change(laid, np.zeros((height, width), np.float32), f"{desk.name} bed")
