"""Harmless circumstances of sheet and scan: holes, staples, rounded corners, gutters, stains, shading, crops."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    clouds,
    luminance,
    over,
    soften,
    to_pixels,
    uniform,
    wavy,
)
from imagefaulty.training.faults.creases import press
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change, FoldLine, reveal
from imagefaulty.training.faults.marks import inked, repaint
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, laid, matched
from imagefaulty.training.faults.tears import EdgeFrame, torn_away


def _sound(sheet: Sheet, detail: str) -> Change:
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), detail)


def _whole(sheet: Sheet) -> Window:
    return Window(0, 0, sheet.pixels.shape[1], sheet.pixels.shape[0])


def _window_at(sheet: Sheet, x: float, y: float, reach: float) -> Window:
    height, width = sheet.cover.shape
    left, top = int(np.clip(x - reach, 0, width - 2)), int(np.clip(y - reach, 0, height - 2))
    return Window(left, top, int(np.clip(x + reach, left + 1, width)), int(np.clip(y + reach, top + 1, height)))


def punch(sheet: Sheet, at: tuple[float, float], radius: float, rng: np.random.Generator) -> Sheet:
    """Punch one round hole at a page point; the bed shows through it."""
    window = _window_at(sheet, at[0], at[1], radius + 8)
    x, y = window.grid()
    squash = uniform(rng, 0.92, 1.08)
    distance = radius - np.hypot((x - at[0]) * squash, (y - at[1]) / squash)
    gone = np.asarray(np.clip(distance + 0.5, 0, 1), np.float32)
    tile = reveal(sheet, window, gone, rng, inside=np.asarray(distance, np.float32))
    return repaint(sheet, window, tile, rng, gone)


def holes(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Punch two, three or four file holes, or a row of binding holes, along the left or top edge."""
    del materials
    count = int(rng.choice((2, 3, 4, 18), p=(0.6, 0.2, 0.15, 0.05)))
    radius = min(sheet.size) * (uniform(rng, 0.011, 0.018) if count < 5 else 0.008)
    top = chance(rng, 0.4)
    depth = uniform(rng, 0.03, 0.06) if count < 5 else 0.02
    middle, spread = uniform(rng, 0.45, 0.55), (uniform(rng, 0.12, 0.4) if count < 5 else 0.48)
    for share in np.linspace(middle - spread, middle + spread, count):
        u, v = (share, depth * 0.7) if top else (depth, share)
        x, y = sheet.point(float(u), float(v))
        sheet = punch(sheet, (float(x), float(y)), radius, rng)
    return _sound(sheet, f"{count}")


def staples(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Drive a staple, or leave a staple's pin holes and rust, near a top corner."""
    del materials
    for _ in range(1 if chance(rng, 0.8) else 2):
        u = uniform(rng, 0.03, 0.1) if chance(rng, 0.7) else uniform(rng, 0.9, 0.97)
        x, y = (float(value) for value in sheet.point(u, uniform(rng, 0.02, 0.07)))
        window = _window_at(sheet, x, y, 36)
        length = min(sheet.size) * uniform(rng, 0.035, 0.055)
        angle = np.deg2rad(uniform(rng, -60, 20))
        half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        alpha = np.zeros(window.shape, np.float32)
        middle = np.array([x - window.left, y - window.top])
        ends = [tuple(int(value) for value in middle + sign * half) for sign in (-1, 1)]
        if chance(rng, 0.55):
            cv2.line(alpha, ends[0], ends[1], 1.0, 2, cv2.LINE_AA)
            sheet = inked(sheet, soften(np.roll(alpha, 2, axis=0), 1.0) * 0.5, window, (70, 66, 60), rng)
            metal = 140.0 + uniform(rng, -50, 60)
            tile = over(sheet.pixels[window.slices].astype(np.float32), (metal, metal, metal), alpha)
            sheet = repaint(sheet, window, tile, rng, alpha)
        else:
            for end in ends:
                cv2.circle(alpha, end, 1, 1.0, -1, cv2.LINE_AA)
            rust = soften(alpha, 3.5) * 6
            sheet = inked(sheet, np.clip(rust, 0, 0.5), window, (150, 96, 50), rng)
            sheet = inked(sheet, alpha, window, (30, 26, 24), rng)
    return _sound(sheet, "")


def rounded(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Round all four corners (or the two outer ones), as of cards and notebooks: same radius, clean arc."""
    del materials
    radius = min(sheet.size) * uniform(rng, 0.012, 0.045)
    chosen = range(4) if chance(rng, 0.6) else ((1, 2) if chance(rng, 0.5) else (0, 3))
    centre = sheet.quad.mean(axis=0)
    for corner in chosen:
        at = sheet.quad[corner]
        inward = np.sign(centre - at)
        pivot = at + inward * radius
        window = _window_at(sheet, float(at[0]), float(at[1]), radius + 12)
        x, y = window.grid()
        dx, dy = (pivot[0] - x) * inward[0], (pivot[1] - y) * inward[1]
        gone = np.clip(np.hypot(dx, dy) - radius + 0.5, 0, 1) * (dx > 0) * (dy > 0)
        grown = cv2.dilate(sheet.cover[window.slices], np.ones((7, 7), np.uint8)) if sheet.framed else 1.0
        gone = np.asarray(gone * grown, np.float32)
        sheet = repaint(sheet, window, reveal(sheet, window, gone, rng), rng, gone)
    return _sound(sheet, "")


def dark_border(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Leave a copier's dark border along one to four sides of the image, wedge-shaped where the sheet lay askew."""
    del materials
    pixels = sheet.pixels.astype(np.float32)
    height, width = sheet.cover.shape
    x, y = _whole(sheet).grid()
    level = uniform(rng, 0, 40)
    for side in rng.permutation(4)[: int(rng.integers(1, 5))]:
        into, along = ((y, x / width), (width - x, y / height), (height - y, x / width), (x, y / height))[int(side)]
        thick = uniform(rng, 0.004, 0.03) * width
        edge = thick + (along - 0.5) * uniform(rng, -1.2, 1.2) * thick
        size = width if side in (0, 2) else height
        ragged = wavy(size + 1, rng, period=size / 6, octaves=5) * uniform(rng, 0.2, 2.5)
        at = np.clip(x if side in (0, 2) else y, 0, size - 1).astype(np.int32)
        alpha = np.clip((edge + ragged[at] - into) / uniform(rng, 0.8, 5) + 0.5, 0, 1)
        pixels = over(pixels, (level, level, level), np.asarray(alpha, np.float32))
    mask = np.zeros(sheet.cover.shape, np.float32)
    return _sound(replace(sheet, pixels=matched(sheet, to_pixels(pixels), mask, rng)), "")


def without_bed(sheet: Sheet) -> Sheet:
    """Cut the image to the inside of the sheet's outline."""
    (left, top), (right, bottom) = sheet.quad.min(axis=0), sheet.quad.max(axis=0)
    slack = np.abs(sheet.quad - np.array([[left, top], [right, top], [right, bottom], [left, bottom]])).max(axis=0) + 3
    if not sheet.framed:
        return sheet
    height, width = sheet.cover.shape
    window = Window(int(max(0, left + slack[0])), int(max(0, top + slack[1])),
                    int(min(width, right - slack[0])), int(min(height, bottom - slack[1])))  # fmt: skip
    pixels = np.ascontiguousarray(sheet.pixels[window.slices])
    rows, columns = window.shape
    quad = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    return replace(sheet, pixels=pixels, cover=np.ones((rows, columns), np.float32), quad=quad, framed=False)


def gutter(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Show a book's gutter and a strip of the facing page at the left or right of a page that fills the image."""
    sheet = without_bed(sheet)
    height, width = sheet.cover.shape
    left = chance(rng, 0.5)
    strip = int(width * uniform(rng, 0.03, 0.14))
    facing = sheet.pixels[:, ::-1] if chance(rng, 0.4) else cv2.resize(materials.hand(rng), (width, height))
    paper = np.percentile(luminance(facing[::8, ::8]), 80)
    gain = float(np.mean(sheet.tone.paper)) / max(60.0, float(paper))
    pixels = sheet.pixels.astype(np.float32)
    part = (
        np.asarray(facing, np.float32)[:, -strip:] * gain if left else np.asarray(facing, np.float32)[:, :strip] * gain
    )
    if left:
        pixels[:, :strip] = part
    else:
        pixels[:, -strip:] = part
    x = np.arange(width, dtype=np.float32)
    away = x - strip if left else (width - strip) - x
    dark = uniform(rng, 0.25, 0.75) * np.exp(
        -np.abs(away) / (width * np.where(away > 0, uniform(rng, 0.015, 0.06), 0.012))
    )
    pixels *= (1 - dark)[None, :, None]
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[:, :strip] = float(left)
    return _sound(replace(sheet, pixels=matched(sheet, to_pixels(pixels), mask, rng)), "")


def skew(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Lay the whole sheet askew on the bed, by up to 6 degrees."""
    del materials
    if sheet.framed:
        return _sound(sheet, "as it lies")
    return _sound(laid(sheet, rng, most_turn=6.0), f"{sheet.bed.name} bed")


def crop(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Cut the image so that it cuts the page, on one to three sides."""
    del materials
    height, width = sheet.cover.shape
    cuts = rng.uniform(0.0, 0.09, 4) * (rng.random(4) < 0.55)
    top, bottom = int(cuts[0] * height), height - int(cuts[1] * height)
    left, right = int(cuts[2] * width), width - int(cuts[3] * width)
    window = Window(left, top, right, bottom)
    cover = np.ascontiguousarray(sheet.cover[window.slices])
    pixels = np.ascontiguousarray(sheet.pixels[window.slices])
    return _sound(replace(sheet, pixels=pixels, cover=cover, quad=sheet.quad - (left, top)), "")


def stain_mask(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return a stain: a blot with a darker tide line, float32 0..1."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    radius = np.hypot((x - shape[1] / 2) / (shape[1] * 0.42), (y - shape[0] / 2) / (shape[0] * 0.42))
    radius = radius + 0.3 * clouds(shape, rng, period=max(shape) / 2.5, octaves=4)
    inside = np.clip((1 - radius) * 8, 0, 1)
    tide = np.exp(-(((radius - 0.96) / uniform(rng, 0.02, 0.07)) ** 2))
    return np.asarray(np.clip(0.5 * inside + uniform(rng, 0.2, 0.7) * tide, 0, 1), np.float32)


def stain(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Stain the sheet: water with a tide line, tea, foxing; also over a corner or an edge."""
    del materials
    for _ in range(int(rng.integers(1, 4))):
        size = int(min(sheet.size) * uniform(rng, 0.08, 0.5))
        x, y = (float(value) for value in sheet.point(uniform(rng, 0, 1), uniform(rng, 0, 1)))
        window = _window_at(sheet, x, y, size / 2)
        mask = stain_mask(window.shape, rng) * sheet.cover[window.slices] * uniform(rng, 0.1, 0.5)
        sheet = inked(
            sheet, np.asarray(mask, np.float32), window, (170, 128, 76) if chance(rng, 0.7) else (130, 130, 120), rng
        )
    return _sound(sheet, "")


def margin_rule(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Rule a margin line down the sheet, or a frame around the text."""
    del materials
    alpha = np.zeros(sheet.cover.shape, np.float32)
    u = uniform(rng, 0.07, 0.2)
    for side in (u,) if chance(rng, 0.7) else (u, 1 - u):
        start, end = sheet.point(side, 0.0), sheet.point(side, 1.0)
        cv2.line(alpha, tuple(int(v) for v in start), tuple(int(v) for v in end), 1.0, 1, cv2.LINE_AA)
    colour = (200, 70, 80) if chance(rng, 0.6) else (70, 80, 130)
    return _sound(inked(sheet, alpha * uniform(rng, 0.4, 0.9) * sheet.cover, _whole(sheet), colour, rng), "")


def curl_shade(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Shade the page towards an edge or corner, as a sheet that does not lie flat: soft, without a line."""
    del materials
    x, y = _whole(sheet).grid()
    edge = int(rng.integers(4))
    frame = sheet.quad[edge], sheet.quad[(edge + 1) % 4]
    direction = (frame[1] - frame[0]) / max(1.0, float(np.linalg.norm(frame[1] - frame[0])))
    into = (x - frame[0][0]) * -direction[1] + (y - frame[0][1]) * direction[0]
    reach = min(sheet.size) * uniform(rng, 0.05, 0.3)
    shade = 1 - uniform(rng, 0.08, 0.4) * np.exp(-np.maximum(into, 0) / reach) * sheet.cover
    ripple = 1 + uniform(rng, 0, 0.03) * clouds(sheet.cover.shape, rng, period=min(sheet.size) / 3) * sheet.cover
    pixels = to_pixels(np.asarray(sheet.pixels * (shade * ripple)[..., None], np.float32))
    return _sound(replace(sheet, pixels=pixels), "")


def thumb_index(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Cut a thumb index into the fore-edge: half-round, clean, with the next sheet's letter or the bed in it."""
    del materials
    frame = EdgeFrame.at(sheet, 1, 0.06 * sheet.size[0])
    radius = uniform(rng, 0.018, 0.035) * sheet.size[0]
    middle = uniform(rng, 0.1, 0.9) * frame.length
    gone = np.asarray(np.clip(radius - np.hypot(frame.along - middle, frame.into) + 0.5, 0, 1), np.float32)
    tile = reveal(sheet, frame.window, gone, rng)
    return _sound(repaint(sheet, frame.window, tile, rng, gone), "")


def uneven_edge(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Waver one or two edges by at most 0.5 % of the sheet: hand-cut or deckle edges, no tear."""
    del materials
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        frame = EdgeFrame.at(sheet, int(edge), 0.02 * max(sheet.size))
        count = int(frame.length) + 3
        size = uniform(rng, 0.0008, 0.0028) * frame.across
        depth = np.maximum(0, size * (0.8 + wavy(count, rng, period=count / uniform(rng, 1, 5), octaves=3)))
        sheet, _ = torn_away(sheet, frame.window, frame.missing(np.asarray(depth, np.float32)), rng)
    return _sound(sheet, "")


def letter_fold(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Press the folds of a posted letter across the whole sheet: one to three straight lines, edge to edge."""
    del materials
    count = int(rng.integers(1, 4))
    level = chance(rng, 0.75)
    for share in np.linspace(0, 1, count + 2)[1:-1]:
        at = float(share + rng.normal(0, 0.012))
        drift = float(rng.normal(0, 0.004))
        start, end = ((0.0, at), (1.0, at + drift)) if level else ((at, 0.0), (at + drift, 1.0))
        outer = sheet.point(0.5, 1.2) if level else sheet.point(1.2, 0.5)
        line = FoldLine.through(sheet.point(*start), sheet.point(*end), outer, "middle")
        sheet, _ = press(sheet, line, rng, tilt=False)
    return _sound(sheet, f"{count}")
