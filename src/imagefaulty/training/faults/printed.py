"""Printed and accidental things that look like hands, notes or folds and are none: tables, rules, dirt, stamps."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    chance,
    clouds,
    fraction,
    grain,
    ink,
    over,
    soften,
    to_pixels,
    uniform,
)
from imagefaulty.training.faults.copies import as_copy
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.inks import ink_of
from imagefaulty.training.faults.marks import emptiest, inked, repaint, somewhere
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, matched

_COPY_SHARE = 0.2


def _quiet(sheet: Sheet, detail: str = "") -> Change:
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), detail)


def _maybe_copied(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    return as_copy(sheet, rng) if not sheet.tone.bilevel and chance(rng, _COPY_SHARE) else sheet


def table(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Rule a table: rows and columns of thin or thick lines, an outer frame, a shaded head."""
    del materials
    sheet = _maybe_copied(sheet, rng)
    width, height = (int(sheet.size[0] * uniform(rng, 0.3, 0.92)), int(sheet.size[1] * uniform(rng, 0.12, 0.8)))
    window = somewhere(sheet, (height, width), rng, low=0.35, high=0.65)
    rows, columns = window.shape
    alpha = np.zeros(window.shape, np.float32)
    thick = int(rng.integers(1, 3))
    for x in np.sort(rng.uniform(0.08, 0.95, int(rng.integers(1, 8)))) * columns:
        cv2.line(alpha, (int(x), 2), (int(x), rows - 3), 1.0, thick)
    for y in np.linspace(0, rows - 4, int(rng.integers(3, 30))):
        cv2.line(alpha, (2, int(y) + 2), (columns - 3, int(y) + 2), 1.0, thick)
    if chance(rng, 0.7):
        cv2.rectangle(alpha, (2, 2), (columns - 3, rows - 3), 1.0, thick + int(rng.integers(2)))
    if chance(rng, 0.25):
        alpha[: max(8, rows // 14)] = np.maximum(alpha[: max(8, rows // 14)], uniform(rng, 0.1, 0.4))
    return _quiet(inked(sheet, alpha * uniform(rng, 0.5, 1.0), window, (44.0, 42.0, 48.0), rng))


def printed_marks(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print what is no writing: underlinings, rules, crosses in boxes, rings, arrows, emblems, ornaments."""
    del materials
    sheet = _maybe_copied(sheet, rng)
    names = []
    for _ in range(int(rng.integers(1, 5))):
        name = str(rng.choice(("underline", "boxes", "ring", "arrow", "emblem", "rule")))
        alpha = _mark(name, sheet, rng)
        place = emptiest(sheet, alpha.shape, rng, tries=3) if name == "emblem" else somewhere(sheet, alpha.shape, rng)
        colour = (
            (40.0, 38.0, 42.0) if chance(rng, 0.8) else ((36.0, 60.0, 140.0), (150.0, 30.0, 36.0))[int(rng.integers(2))]
        )
        sheet = inked(sheet, alpha * uniform(rng, 0.6, 1.0), place, colour, rng)
        names.append(name)
    return _quiet(sheet, " + ".join(names))


def _mark(name: str, sheet: Sheet, rng: np.random.Generator) -> Field:
    thick = int(rng.integers(1, 3))
    width = int(sheet.size[0] * uniform(rng, 0.06, 0.4))
    if name in {"underline", "rule"}:
        alpha = np.zeros(
            (10, width if name == "underline" else int(sheet.size[0] * uniform(rng, 0.4, 0.85))), np.float32
        )
        for y in (3, 7)[: int(rng.integers(1, 3))]:
            alpha[y : y + thick] = 1
        return alpha
    if name == "boxes":
        side, count = int(rng.integers(7, 17)), int(rng.integers(1, 7))
        alpha = np.zeros((side + 4, count * 3 * side + 4), np.float32)
        for number in range(count):
            x = 2 + number * 3 * side
            cv2.rectangle(alpha, (x, 1), (x + side, side + 1), 1.0, 1)
            if chance(rng, 0.4):
                cv2.line(alpha, (x, 1), (x + side, side + 1), 1.0, 1, cv2.LINE_AA)
                cv2.line(alpha, (x + side, 1), (x, side + 1), 1.0, 1, cv2.LINE_AA)
        return alpha
    rows = max(14, int(width * uniform(rng, 0.25, 0.9)))
    alpha = np.zeros((rows, width), np.float32)
    middle, axes = (width // 2, rows // 2), (width // 2 - 3, rows // 2 - 3)
    if name == "arrow":
        cv2.arrowedLine(alpha, (3, rows // 2), (width - 4, rows // 2), 1.0, thick, cv2.LINE_AA, tipLength=0.15)
        return alpha
    cv2.ellipse(alpha, middle, axes, 0, 0, 360, 1.0, thick, cv2.LINE_AA)
    if name == "emblem":
        spokes = int(rng.integers(3, 14))
        for turn in np.arange(spokes) * 2 * np.pi / spokes:
            end = (int(middle[0] + axes[0] * np.cos(turn) * 0.8), int(middle[1] + axes[1] * np.sin(turn) * 0.8))
            cv2.line(alpha, middle, end, 1.0, thick + 1, cv2.LINE_AA)
        cv2.ellipse(alpha, middle, (axes[0] // 2, axes[1] // 2), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return alpha


def dirt(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Dirty the sheet: hairs, scratches, specks and smudges, which are no handwriting."""
    del materials
    sheet = _maybe_copied(sheet, rng)
    shape = sheet.cover.shape
    mask = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(2, 14))):
        x, y = sheet.point(uniform(rng, 0.02, 0.98), uniform(rng, 0.02, 0.98))
        steps = int(rng.integers(3, 16))
        heading = uniform(rng, 0, 2 * np.pi) + np.cumsum(rng.normal(0, uniform(rng, 0.02, 0.5), steps))
        steps_xy = np.stack([np.cos(heading), np.sin(heading)], axis=1) * uniform(rng, 2, 9)
        path = np.cumsum(steps_xy, axis=0) + np.array([x, y])
        cv2.polylines(mask, [np.round(path * 8).astype(np.int32)], False, int(rng.integers(90, 255)), 1, cv2.LINE_AA, 3)
    for _ in range(int(rng.integers(0, 120))):
        x, y = sheet.point(uniform(rng, 0, 1), uniform(rng, 0, 1))
        cv2.circle(mask, (int(x), int(y)), int(rng.integers(1, 3)), int(rng.integers(60, 255)), -1, cv2.LINE_AA)
    alpha = fraction(mask) * sheet.cover * uniform(rng, 0.4, 0.95)
    tile = ink(sheet.pixels.astype(np.float32), np.asarray(alpha, np.float32), (52.0, 46.0, 42.0))
    return _quiet(replace(sheet, pixels=matched(sheet, to_pixels(tile), np.asarray(alpha, np.float32), rng)))


def show_through(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Let the print or writing of the back show through, mirrored, faint and soft."""
    del materials
    back = soften(np.ascontiguousarray(ink_of(sheet.pixels)[:, ::-1]), uniform(rng, 0.8, 2.0))
    back = back * sheet.cover * np.ascontiguousarray(sheet.cover[:, ::-1]) * uniform(rng, 0.06, 0.24)
    if sheet.tone.bilevel:
        back = back * 0.4
    tile = sheet.pixels.astype(np.float32) * (1 - back)[..., None]
    return _quiet(replace(sheet, pixels=to_pixels(np.asarray(tile, np.float32))))


def affixed_stamp(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Stick one to three revenue or postage stamps on: small, perforated, engraved in one colour, often cancelled."""
    del materials
    for _ in range(1 + int(chance(rng, 0.3)) + int(chance(rng, 0.15))):
        width = max(18, int(sheet.size[0] * uniform(rng, 0.055, 0.13)))
        height = int(width * uniform(rng, 0.75, 1.5))
        window = somewhere(sheet, (height, width), rng, low=0.05, high=0.95)
        rows, columns = window.shape
        colour = rng.uniform((60, 60, 60), (210, 190, 200))
        face = np.full((rows, columns, 3), (244.0, 240.0, 228.0), np.float32)
        rim = max(2, columns // 11)
        lines = 0.55 + 0.45 * np.sin(np.add.outer(np.arange(rows), np.arange(columns)) * uniform(rng, 0.8, 2.4))
        picture = np.clip(lines + clouds((rows, columns), rng, period=columns / 2, octaves=3), 0.1, 1)
        cv2.ellipse(picture, (columns // 2, rows // 2), (columns // 4, rows // 4), 0, 0, 360, uniform(rng, 0.1, 1), -1)
        inside = np.zeros((rows, columns), np.float32)
        inside[rim:-rim, rim:-rim] = 1
        face = ink(face, np.asarray(picture * inside, np.float32), tuple(float(v) for v in colour))  # type: ignore[arg-type]
        shape = np.ones((rows, columns), np.float32)
        for at in range(0, max(rows, columns), 4):  # perforation
            for y, x in ((0, at), (rows - 1, at), (at, 0), (at, columns - 1)):
                if y < rows and x < columns:
                    cv2.circle(shape, (x, y), 1, 0.0, -1)
        if chance(rng, 0.6):
            centre = (int(rng.integers(columns)), int(rng.integers(rows)))
            postmark = np.zeros((rows, columns), np.float32)
            cv2.circle(postmark, centre, int(columns * 0.45), 0.8, 1, cv2.LINE_AA)
            face = ink(face, postmark, (30.0, 28.0, 34.0))
        base = sheet.pixels[window.slices].astype(np.float32)
        light = float(np.clip(np.mean(sheet.tone.paper) / 240, 0.5, 1.0))
        tile = over(base, np.asarray(face * light + grain((rows, columns), rng, 1.5)[..., None], np.float32), shape)
        sheet = repaint(sheet, window, tile, rng)
    return _quiet(sheet)


def boxed_print(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print light screens under the text, or solid bars: straight, with hard edges, no shadow."""
    del materials
    sheet = _maybe_copied(sheet, rng)
    for _ in range(int(rng.integers(1, 4))):
        solid = chance(rng, 0.45)
        tall = uniform(rng, 0.012, 0.03) if solid else uniform(rng, 0.02, 0.2)
        size = (int(sheet.size[1] * tall), int(sheet.size[0] * uniform(rng, 0.12, 0.8)))
        window = somewhere(sheet, size, rng, low=0.2, high=0.8)
        alpha = np.full(window.shape, uniform(rng, 0.9, 1.0) if solid else uniform(rng, 0.06, 0.3), np.float32)
        if not solid and chance(rng, 0.5):
            x = np.arange(window.shape[1])[None] + np.arange(window.shape[0])[:, None]
            alpha = np.asarray(alpha * (0.4 + 0.9 * (x % 3 == 0)), np.float32)
        sheet = inked(sheet, alpha, window, (30.0, 30.0, 34.0), rng)
    return _quiet(sheet)
