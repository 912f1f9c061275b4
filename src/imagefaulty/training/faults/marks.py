"""Harmless things printed, stamped or stuck on the sheet: boxes, labels, stamps, photographs, highlighter, panels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import (
    Window,
    chance,
    clouds,
    fraction,
    grain,
    ink,
    luminance,
    over,
    soften,
    to_pixels,
    uniform,
)
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.fastenings import paper_clip, tape
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.handwriting import printing, resized, turned
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, matched
from imagefaulty.training.faults.stand_ins import lettering, words

_STAMP_INKS = ((94, 44, 128), (160, 34, 44), (34, 48, 128), (40, 38, 44), (30, 104, 84), (196, 50, 60))

_NEGATIVE = 95  # level of the ground below which a page is a negative


def somewhere(
    sheet: Sheet, size: tuple[int, int], rng: np.random.Generator, *, low: float = 0.05, high: float = 0.95
) -> Window:
    """Choose a window of ``size`` (h, w) px on the sheet, its middle between fractions ``low`` and ``high``."""
    height, width = min(size[0], sheet.pixels.shape[0] - 2), min(size[1], sheet.pixels.shape[1] - 2)
    x, y = sheet.point(uniform(rng, low, high), uniform(rng, low, high))
    left = int(np.clip(x - width / 2, 0, sheet.pixels.shape[1] - width - 1))
    top = int(np.clip(y - height / 2, 0, sheet.pixels.shape[0] - height - 1))
    return Window(left, top, left + width, top + height)


def emptiest(sheet: Sheet, size: tuple[int, int], rng: np.random.Generator, tries: int = 8) -> Window:
    """Choose, of a few random windows, the one with the least ink."""
    windows = [somewhere(sheet, size, rng, low=0.12, high=0.88) for _ in range(tries)]
    scores = [float(luminance(sheet.pixels[w.slices][::4, ::4]).std()) for w in windows]
    return windows[int(np.argmin(scores))]


def repaint(sheet: Sheet, window: Window, tile: Field, rng: np.random.Generator, changed: Field | None = None) -> Sheet:
    """Put a painted tile back into the sheet, reproduced as the page is (grey, bilevel)."""
    pixels = sheet.pixels.copy()
    pixels[window.slices] = to_pixels(tile)
    mask = np.zeros(sheet.cover.shape, np.float32)
    mask[window.slices] = 1.0 if changed is None else changed
    return replace(sheet, pixels=matched(sheet, pixels, mask, rng))


def inked(
    sheet: Sheet, alpha: Field, window: Window, colour: tuple[float, float, float], rng: np.random.Generator
) -> Sheet:
    """Print an alpha mask in one ink at the top left of ``window``, cut to the page."""
    rows = min(alpha.shape[0], sheet.pixels.shape[0] - window.top)
    columns = min(alpha.shape[1], sheet.pixels.shape[1] - window.left)
    place = Window(window.left, window.top, window.left + columns, window.top + rows)
    cut = alpha[:rows, :columns]
    base = sheet.pixels[place.slices].astype(np.float32)
    negative = max(sheet.tone.paper) < _NEGATIVE  # writing on a photostat's negative is light
    tile = over(base, (226.0, 226.0, 224.0), cut) if negative else ink(base, cut, colour)
    return repaint(sheet, place, tile, rng, cut)


def _unmarked(sheet: Sheet, detail: str) -> Change:
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), detail)


def printed_box(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print one to three frames, note-sized, straight with the page, bare or with print inside."""
    for _ in range(int(rng.integers(1, 4))):
        width = int(sheet.size[0] * uniform(rng, 0.12, 0.6))
        height = int(width * uniform(rng, 0.2, 1.1))
        window = emptiest(sheet, (height, width), rng, tries=5)
        alpha = np.zeros(window.shape, np.float32)
        thick = int(rng.integers(1, 4))
        cv2.rectangle(alpha, (2, 2), (window.shape[1] - 3, window.shape[0] - 3), 1.0, thick, cv2.LINE_AA)
        if chance(rng, 0.6):
            text = printing(materials, rng, width=0.3, height=0.12)
            text = resized(
                text, scale=min(0.8 * window.shape[1] / text.shape[1], 0.7 * window.shape[0] / text.shape[0], 1.3)
            )
            alpha[6 : 6 + text.shape[0], 8 : 8 + text.shape[1]] = text[: window.shape[0] - 6, : window.shape[1] - 8]
        sheet = inked(
            sheet, alpha * uniform(rng, 0.6, 1), window, (40, 40, 44) if chance(rng, 0.8) else (40, 60, 140), rng
        )
    return _unmarked(sheet, "")


def label(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Stick a small printed label on: flat, straight, with a call number, a bar code or a coloured head, no shadow."""
    del materials
    width = int(sheet.size[0] * uniform(rng, 0.09, 0.24))
    height = max(14, int(width * uniform(rng, 0.3, 0.75)))
    window = somewhere(sheet, (height, width), rng, low=0.07, high=0.93)
    rows, columns = window.shape
    tint = np.array(
        [[248, 248, 246], [244, 240, 226], [120, 176, 224], [250, 250, 250]][int(rng.integers(4))], np.float32
    )
    face = tint + grain((rows, columns), rng, 1.0)[..., None]
    kind = str(rng.choice(("bar code", "call number", "headed")))
    if kind == "bar code":
        bars = np.repeat(rng.random(max(8, columns // 3)) < 0.5, 3)[: columns - 12]
        face[int(rows * 0.2) : int(rows * 0.7), 6 : 6 + len(bars)] *= np.where(bars, 0.15, 1.0)[None, :, None]
    if kind == "headed":
        face[: int(rows * 0.28)] *= np.array([0.25, 0.35, 0.65]) if chance(rng, 0.5) else np.array([0.7, 0.2, 0.2])
    text = lettering(words(rng, 2)[:14] + f" {int(rng.integers(10, 9999))}", max(7.0, rows * 0.2), width_limit=columns)
    top, left = int(rows * 0.72) if kind == "bar code" else int(rows * 0.4), 5
    part = text[: rows - top, : columns - left]
    place = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
    face[place] = ink(face[place].astype(np.float32), part * 0.9, (30, 30, 34))
    cv2.rectangle(face, (0, 0), (columns - 1, rows - 1), (150, 150, 150), 1)
    return _unmarked(repaint(sheet, window, np.asarray(face, np.float32), rng), kind)


def stamp_mask(rng: np.random.Generator, width: int) -> Field:
    """Return the impression of a rubber stamp, about ``width`` px wide: frame or rings with words, worn and patchy."""
    round_one = chance(rng, 0.4)
    height = width if round_one else int(width * uniform(rng, 0.22, 0.55))
    alpha = np.zeros((height + 8, width + 8), np.float32)
    thick = max(1, width // 70)
    middle = (alpha.shape[1] // 2, alpha.shape[0] // 2)
    if round_one:
        for share in (0.48, 0.36):
            cv2.circle(alpha, middle, int(width * share), 1.0, thick, cv2.LINE_AA)
    elif chance(rng, 0.65):
        cv2.rectangle(alpha, (3, 3), (width + 3, height + 3), 1.0, thick, cv2.LINE_AA)
    lines = 2 if chance(rng, 0.5) else 1
    for number in range(lines):
        text = lettering(words(rng, 1 + number).upper(), max(7.0, height * (0.2 if round_one else 0.5 / lines)))
        text = resized(text, scale=min(1.4, 0.62 * width / text.shape[1])) if text.shape[1] > 0.6 * width else text
        top = int(np.clip(middle[1] + (number - lines / 2) * text.shape[0] * 1.1, 0, alpha.shape[0] - 1))
        left = max(0, middle[0] - text.shape[1] // 2)
        part = text[: alpha.shape[0] - top, : alpha.shape[1] - left]
        place = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
        alpha[place] = np.maximum(alpha[place], part)
    worn = np.clip(0.75 + 0.8 * clouds((alpha.shape[0], alpha.shape[1]), rng, period=width / 3, octaves=4), 0.05, 1)
    return turned(np.asarray(soften(alpha, 0.5) * worn, np.float32), float(rng.normal(0, 7)))


def stamp(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Stamp the sheet once to three times."""
    del materials
    for _ in range(int(rng.integers(1, 4))):
        mask = stamp_mask(rng, int(sheet.size[0] * uniform(rng, 0.1, 0.3)))
        colour = _STAMP_INKS[int(rng.integers(len(_STAMP_INKS)))]
        sheet = inked(sheet, mask * uniform(rng, 0.45, 0.95), somewhere(sheet, mask.shape, rng), colour, rng)
    return _unmarked(sheet, "")


def _scene(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return a made-up photograph in grey levels: sky and ground, angular and round shapes with shaded sides."""
    rows, columns = shape
    y = np.linspace(0, 1, rows, dtype=np.float32)[:, None] * np.ones((1, columns), np.float32)
    horizon = uniform(rng, 0.3, 0.75)
    scene = np.where(y < horizon, uniform(rng, 120, 235) + 40 * y, uniform(rng, 40, 170) - 30 * y)
    scene = scene + clouds(shape, rng, period=max(shape) / 3, octaves=5) * uniform(rng, 8, 40)
    for _ in range(int(rng.integers(3, 12))):
        layer = np.zeros(shape, np.uint8)
        middle = rng.uniform((0.05, 0.2), (0.95, 0.95)) * (columns, rows)
        reach = uniform(rng, 0.05, 0.3) * min(rows, columns)
        if chance(rng, 0.45):
            axes = (int(reach) + 2, int(reach * uniform(rng, 0.7, 1.7)) + 2)
            cv2.ellipse(layer, tuple(int(v) for v in middle), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        else:
            corners = middle + np.array([[-1, -1.4], [1, -1.4], [1, 1], [-1, 1]]) * reach * rng.uniform(
                0.4, 1.4, (4, 2)
            )
            cv2.fillConvexPoly(layer, corners.astype(np.int32), 255, cv2.LINE_AA)
        slope = np.linspace(-1, 1, columns, dtype=np.float32)[None] * uniform(rng, -50, 50)
        shade = uniform(rng, 15, 230) + slope + clouds(shape, rng, period=reach + 4, octaves=3) * 20
        part = soften(fraction(layer), uniform(rng, 0.4, 1.6))
        scene = scene + (shade - scene) * part
    if chance(rng, 0.4):  # printed in half-tone
        pitch = uniform(rng, 3.0, 5.0)
        x = np.arange(columns, dtype=np.float32)[None]
        dots = np.sin(2 * np.pi * (x + y * rows) / pitch) * np.sin(2 * np.pi * (x - y * rows) / pitch)
        scene = scene + 45 * dots
    return np.asarray(scene, np.float32)


def photo(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print a picture into the page: half-tone greys or colours, straight, with or without a white border."""
    del materials
    width = int(sheet.size[0] * uniform(rng, 0.15, 0.5))
    height = int(width * uniform(rng, 0.6, 1.4))
    window = emptiest(sheet, (height, width), rng)
    shape = window.shape
    scene = _scene(shape, rng)
    tint = np.array([1.0, 1.0, 1.0]) if chance(rng, 0.6) else rng.uniform(0.7, 1.15, 3)
    face = np.clip(scene, 12, 245)[..., None] * tint + grain(shape, rng, 5)[..., None]
    if chance(rng, 0.4):
        border = max(2, width // 30)
        frame = np.ones(shape, np.float32)
        frame[border:-border, border:-border] = 0
        face = over(np.asarray(face, np.float32), (238.0, 236.0, 230.0), frame)
    return _unmarked(repaint(sheet, window, np.asarray(face, np.float32), rng), "")


def highlighter(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Draw one to six strokes of highlighter: translucent, ink shows through, ends rounded, edges wavering."""
    del materials
    colour = ((250, 244, 80), (150, 240, 120), (250, 150, 200), (255, 190, 90), (130, 215, 245))[int(rng.integers(5))]
    for _ in range(int(rng.integers(1, 7))):
        width, thick = int(sheet.size[0] * uniform(rng, 0.06, 0.6)), int(sheet.size[1] * uniform(rng, 0.009, 0.02))
        window = somewhere(sheet, (thick + 14, width + 16), rng, low=0.15, high=0.85)
        alpha = np.zeros(window.shape, np.float32)
        y = window.shape[0] / 2 + np.cumsum(rng.normal(0, 0.15, 12))
        points = np.stack([np.linspace(8, window.shape[1] - 8, 12), y], axis=1).astype(np.int32)
        cv2.polylines(alpha, [points], False, 1.0, thick, cv2.LINE_AA)
        alpha = alpha * np.clip(0.8 + 0.25 * clouds(window.shape, rng, period=30), 0.4, 1)
        sheet = inked(sheet, alpha * uniform(rng, 0.6, 0.95), window, colour, rng)
    return _unmarked(sheet, "")


def panel(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Print a coloured or grey panel under the text: straight, flat, to the margins or a note-sized square."""
    del materials
    if chance(rng, 0.5):
        size = (int(sheet.size[1] * uniform(rng, 0.04, 0.3)), int(sheet.size[0] * uniform(rng, 0.5, 0.9)))
    else:
        side = int(sheet.size[0] * uniform(rng, 0.12, 0.4))
        size = (int(side * uniform(rng, 0.5, 1.2)), side)
    window = somewhere(sheet, size, rng, low=0.2, high=0.8)
    colours = ((250, 236, 140), (200, 224, 245), (214, 240, 205), (248, 205, 205), (222, 222, 222), (250, 215, 170))
    alpha = np.full(window.shape, uniform(rng, 0.5, 1.0), np.float32)
    return _unmarked(inked(sheet, alpha, window, colours[int(rng.integers(len(colours)))], rng), "")


def tape_alone(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Stick one or two strips of library tape on the sheet, mending it or along its back."""
    del materials
    for _ in range(int(rng.integers(1, 3))):
        wide = min(sheet.size) * uniform(rng, 0.03, 0.07)
        x, y = sheet.point(uniform(rng, 0.02, 0.98), uniform(rng, 0.02, 0.98))
        along = float(rng.choice((0, 90))) + float(rng.normal(0, 4))
        size = min(sheet.size) * uniform(rng, 0.1, 0.7), wide
        sheet = tape(sheet, (float(x), float(y)), rng, size=size, degrees=along)
    return _unmarked(sheet, "")


def clip_alone(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Hang a paper clip over the top edge."""
    del materials
    x, y = sheet.point(uniform(rng, 0.05, 0.95), uniform(rng, 0.01, 0.03))
    return _unmarked(paper_clip(sheet, (float(x), float(y)), float(rng.normal(0, 8)), rng), "")
