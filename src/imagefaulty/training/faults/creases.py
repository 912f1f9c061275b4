"""Creases of corners that were folded once: thin lines with a bright and a dark side, a tilted and dirtied corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    soften,
    to_pixels,
    uniform,
    wavy,
    window_around,
)
from imagefaulty.training.faults.corner_faults import any_corner
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, FoldLine, corner_line
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import CORNERS, Sheet, matched


def _worn(along: Field, rng: np.random.Generator, length: float) -> Field:
    """Return how strong a crease is along its length, 0..1: it fades, breaks and comes back."""
    strength = 0.65 + 0.6 * wavy(int(length) + 40, rng, period=max(20.0, length / 3), octaves=4)
    at = np.clip(along + 10, 0, len(strength) - 1).astype(np.int32)
    return np.asarray(np.clip(strength, 0.0, 1.0)[at], np.float32)


def press(sheet: Sheet, line: FoldLine, rng: np.random.Generator, *, tilt: bool = True) -> tuple[Sheet, Field]:
    """Press a crease into the sheet along ``line``; return the sheet and the crease's mask over the page."""
    outer = sheet.quad[(sheet.quad - line.start) @ line.normal > 0]
    points = np.concatenate([np.stack([line.start, line.end]), outer]) if tilt else np.stack([line.start, line.end])
    window = window_around(points, sheet.pixels.shape, 14)
    distance = line.distance(window, rng, uniform(rng, 0.0, 0.008) * line.length)
    x, y = window.grid()
    along = np.asarray(-(x - line.start[0]) * line.normal[1] + (y - line.start[1]) * line.normal[0], np.float32)
    along = along if float((line.end - line.start) @ np.array([-line.normal[1], line.normal[0]])) > 0 else -along
    cover = sheet.cover[window.slices]
    on = _worn(along, rng, line.length) * np.clip(along + 1, 0, 1) * np.clip(line.length - along + 1, 0, 1) * cover
    tile = sheet.pixels[window.slices].astype(np.float32)
    if sheet.tone.bilevel:
        thick = uniform(rng, 0.8, 1.7)
        dark = np.exp(-((distance / thick) ** 2)) * (on > 0.2)
        specks = np.exp(-((distance / 9) ** 2)) * np.clip(clouds(window.shape, rng, period=3) * 2.5 - 1.1, 0, 1)
        tile = tile * (1 - np.clip(dark + specks * on, 0, 1))[..., None]
    else:
        thin = uniform(rng, 0.8, 2.0)
        dark = np.exp(-((distance / thin) ** 2)) * uniform(rng, 0.22, 0.65)
        bright = np.exp(-(((distance - uniform(rng, 1.2, 3) * (1 if chance(rng, 0.5) else -1)) / (thin * 1.3)) ** 2))
        valley = np.exp(-np.abs(distance) / uniform(rng, 4, 16)) * uniform(rng, -0.03, 0.1)
        relief = (dark - bright * uniform(rng, 0.05, 0.24)) * on + valley * soften(np.asarray(on, np.float32), 2)
        if tilt:
            turned = np.clip(distance / 3 + 0.5, 0, 1) * cover
            relief = relief + turned * uniform(rng, -0.06, 0.14)
            relief = relief + turned * np.clip(clouds(window.shape, rng, period=40), 0, 1) * uniform(rng, 0, 0.1)
        tile = tile * (1 - relief)[..., None]
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(np.asarray(tile, np.float32))
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = (np.abs(distance) < 4) * (on > 0.15)
    return replace(sheet, pixels=matched(sheet, pixels, mask, rng)), mask


def crease(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Crease a corner: one to three thin diagonal lines, legs of 6 to 20 %, and sometimes a smaller piece lost."""
    del materials
    corner = any_corner(rng)
    across = uniform(rng, 0.06, 0.2)
    down = across * uniform(rng, 0.5, 1.3)
    mask = np.zeros(sheet.cover.shape, np.float32)
    lines = int(rng.choice((1, 2, 3), p=(0.5, 0.36, 0.14)))
    for number in range(lines):
        scale = uniform(rng, 0.5, 0.95) ** number
        line = corner_line(sheet, corner, across * scale * uniform(rng, 0.85, 1.15), down * scale)
        sheet, pressed = press(sheet, line, rng)
        mask = np.maximum(mask, pressed)
    return Change(sheet, mask, f"{lines} lines/{CORNERS[corner]}")
