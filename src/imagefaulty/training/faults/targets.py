"""What reading rooms photograph beside a page: colour targets, grey scales, rulers, and cards with a shelf mark.

They lie on the bed or cover the page's margin, and look like a note or a slip to what has not seen them.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.training.faults.compositing import chance, grain, over, shift, soften, to_pixels, uniform
from imagefaulty.training.faults.drawn import Pixels
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet, matched
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.typesetting import face

#: About the patches of the usual targets, RGB: blue, cyan, green, yellow, red, magenta, violet, brown, skin, sky.
_PATCHES = (
    (32, 74, 156), (64, 160, 196), (52, 140, 74), (232, 206, 44), (196, 44, 48), (190, 70, 140), (92, 62, 120),
    (116, 78, 54), (200, 152, 128), (96, 124, 160),
)  # fmt: skip
_CARDS = ((246, 246, 244), (236, 232, 222), (206, 206, 204), (128, 128, 127), (34, 34, 36))
_SIDES, _SIDE_SHARES = ("foot", "right", "left", "top"), (0.55, 0.18, 0.15, 0.12)
_TILT = 1.2  # degrees, standard deviation


def target_card(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Lay a target beside the page, on a strip of bed that the picture is widened by, or over the page's margin."""
    side = str(rng.choice(_SIDES, p=_SIDE_SHARES))
    if chance(rng, 0.85):
        sheet = _widened(sheet, side, materials, rng)
    height, width = sheet.pixels.shape[:2]
    card = _card(rng, long=int(max(height, width) * uniform(rng, 0.16, 0.62)), colour=sheet.tone.colour)
    if chance(rng, 0.85 if side in {"left", "right"} else 0.1):  # lying along the side, mostly
        card = np.ascontiguousarray(np.rot90(card, int(rng.choice((1, 3)))))
    across, down = _place((height, width), (card.shape[0], card.shape[1]), side, rng)
    turn = cv2.getRotationMatrix2D((card.shape[1] / 2, card.shape[0] / 2), float(rng.normal(0, _TILT)), 1.0)
    turn[:, 2] += (across, down)
    moved = cv2.warpAffine(card, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    solid = np.asarray(cv2.warpAffine(np.ones(card.shape[:2], np.float32), turn, (width, height)), np.float32)
    reach = uniform(rng, 0.5, 2.5)
    shade = soften(shift(solid, *rng.uniform(-reach, reach, 2)), uniform(rng, 0.8, 3)) * uniform(rng, 0.0, 0.4)
    tile = sheet.pixels.astype(np.float32) * (1 - shade * (1 - solid))[..., None]
    tile = over(np.asarray(tile, np.float32), np.asarray(moved, np.float32), solid)
    tile = tile + grain((height, width), rng, sheet.tone.noise * 0.4)[..., None] * solid[..., None]
    pixels = matched(sheet, to_pixels(np.asarray(tile, np.float32)), solid, rng)
    return Change(replace(sheet, pixels=pixels), np.zeros((height, width), np.float32), f"{sheet.bed.name} bed")


def _widened(sheet: Sheet, side: str, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Add a strip of bed to one side of the picture."""
    height, width = sheet.pixels.shape[:2]
    deep = int(uniform(rng, 0.05, 0.22) * (height if side in {"top", "foot"} else width))
    top, before = deep * (side == "top"), deep * (side == "left")
    shape = (height + deep * (side in {"top", "foot"}), width + deep * (side in {"left", "right"}))
    tone = sheet.tone
    bed = sheet.bed
    if not sheet.framed:
        bed = materials.bed(shape, rng, tone_paper=tone.paper, grey=not tone.colour, bilevel=tone.bilevel)
    under = _fitted(bed.pixels, shape)
    pixels = under.copy()
    inside = (slice(top, top + height), slice(before, before + width))
    pixels[inside] = sheet.pixels
    cover = np.zeros(shape, np.float32)
    cover[inside] = sheet.cover
    quad = sheet.quad + np.array([before, top], np.float32)
    return replace(sheet, pixels=pixels, cover=cover, quad=quad, bed=replace(bed, pixels=under), framed=True)


def _fitted(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """Mirror a bed outwards until it has the shape."""
    rows, columns = max(0, shape[0] - pixels.shape[0]), max(0, shape[1] - pixels.shape[1])
    wider = cv2.copyMakeBorder(pixels, 0, rows, 0, columns, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(wider[: shape[0], : shape[1]])


def _place(page: tuple[int, int], card: tuple[int, int], side: str, rng: np.random.Generator) -> tuple[float, float]:
    """Choose where a card's top left corner lies: along a side of the picture, at times partly out of it."""
    room = np.array([page[1] - card[1], page[0] - card[0]], np.float64)
    at = rng.uniform(0, 1, 2) * room
    axis = 1 if side in {"top", "foot"} else 0
    gap = uniform(rng, -0.25, 0.5) * min(card)
    at[axis] = room[axis] - gap if side in {"foot", "right"} else gap
    return float(at[0]), float(at[1])


def _card(rng: np.random.Generator, *, long: int, colour: bool) -> Pixels:
    """Print a card of patches, a ruler, and the name of a house with a shelf mark, or some of them."""
    wide = max(60, long)
    deep = max(14, int(wide * uniform(rng, 0.06, 0.36)))
    paper = _CARDS[int(rng.choice(len(_CARDS), p=(0.5, 0.2, 0.12, 0.08, 0.1)))]
    ground = np.array(paper, np.float64) + rng.normal(0, 3, 3) * colour
    dark = float(ground.mean()) < 100
    pen_colour = (238, 238, 236) if dark else (24, 24, 26)
    image = Image.new("RGB", (wide, deep), tuple(int(v) for v in np.clip(ground, 0, 255)))
    pen = ImageDraw.Draw(image)
    lettered = chance(rng, 0.6) and deep > 24
    left = int(wide * uniform(rng, 0.3, 0.62)) if lettered else int(wide * uniform(rng, 0.01, 0.06))
    if lettered:
        size = deep * uniform(rng, 0.14, 0.26)
        for line in range(int(rng.integers(1, 4))):
            text = words(rng, int(rng.integers(1, 4)))[: int(left / size / 0.6)]
            pen.text((wide * 0.03, deep * 0.08 + line * size * 1.5), text, fill=pen_colour, font=face(rng, size))
    top = int(deep * uniform(rng, 0.05, 0.3))
    patched = chance(rng, 0.8)
    low = int(deep * (uniform(rng, 0.5, 0.75) if patched else 0.1))
    if patched:
        _patches(pen, rng, (left, top, int(wide * 0.97), low), colour=colour)
    if not patched or chance(rng, 0.6):
        _ruler(pen, rng, (left, low, int(wide * 0.97), int(deep * 0.95)), pen_colour)
    return np.asarray(image, np.uint8)


def _patches(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int], *, colour: bool
) -> None:
    left, top, right, bottom = box
    levels = np.linspace(245, 12, int(rng.integers(3, 9))).astype(int).tolist()
    greys: list[tuple[int, ...]] = [(level, level, level) for level in levels]
    chosen = [_PATCHES[index] for index in rng.permutation(len(_PATCHES))[: int(rng.integers(3, 9))]]
    row = [*chosen, *greys] if colour and chance(rng, 0.85) else greys
    step = (right - left) / len(row)
    gap = step * (uniform(rng, 0.03, 0.2) if chance(rng, 0.4) else 0)
    for number, patch in enumerate(row):
        drift = np.clip(np.array(patch) + rng.normal(0, 8, 3) * colour, 0, 255).astype(int).tolist()
        at = left + number * step
        pen.rectangle((at, top, at + step - gap, bottom), fill=tuple(drift))


def _ruler(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    """Draw a scale: short marks, longer ones at every fifth and tenth, numbers where there is room for them."""
    left, top, right, bottom = box
    deep = max(3, bottom - top)
    units = int(rng.integers(3, 16))
    step = (right - left) / units / 10
    every = 1 if step >= 2 else 5 if step >= 0.6 else 10
    for mark in range(0, units * 10 + 1, every):
        length = deep * (0.55 if mark % 10 == 0 else 0.4 if mark % 5 == 0 else 0.25)
        pen.line([(left + mark * step, top), (left + mark * step, top + length)], fill=colour, width=1)
    if deep > 12:
        font = face(rng, deep * 0.4)
        for number in range(1, units + 1):
            pen.text((left + number * 10 * step, top + deep * 0.95), str(number), fill=colour, font=font, anchor="ms")
