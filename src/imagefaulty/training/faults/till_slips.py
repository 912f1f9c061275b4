"""Slips of shops: a brand at the head, advertisements at the foot and through the paper, and sums written in pen.

On real slips the hand is mostly a sum written large and ringed, a number at the head, or initials; and slips without a
hand carry what may look like one: brands set in slanting faces, and the other side's colours showing through.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.annotated import (
    Writes,
    sign_letters,
    sign_name,
    sign_scrawl,
    sign_ticks,
    type_ink,
    write_some,
)
from imagefaulty.training.faults.compositing import chance, put, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.handwriting import turned
from imagefaulty.training.faults.layers import Colour, Layers
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.pen_figures import pen_figures
from imagefaulty.training.faults.pens import Writer, inks_for, ring
from imagefaulty.training.faults.slips import Slip, set_slip
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.typesetting import font_of, set_line

_BARE_SHARE: Final = 0.45
_COPIES: Final = 0.25
_LIKE_TYPE: Final = 0.4
_BACK_SHARE: Final = 0.45
_BRANDS: Final = (
    "DejaVuSans-BoldOblique", "DejaVuSerif-BoldItalic", "STIXGeneralBolIta", "STIXGeneralItalic", "DejaVuSans-Bold",
    "DejaVuSerif-Bold", "cmb10", "cmti10",
)  # fmt: skip
#: What shops print on the back: red, blue, orange, green, grey.
_BACKS: Final[tuple[Colour, ...]] = (
    (205.0, 50.0, 60.0), (60.0, 110.0, 190.0), (230.0, 140.0, 40.0), (70.0, 150.0, 90.0), (120.0, 120.0, 130.0)
)  # fmt: skip


def till_slip(width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    """Print a shop's slip and write on it; on nearly half of them nothing.

    Args:
        width: Width of the paper in px.
        height: Height in px.
        materials: Where real hands come from.
        rng: Source of chance.
    """
    slip = set_slip(width, height, rng)
    written = np.zeros((height, width), np.float32)
    inks = inks_for(type_ink(rng), rng, like_type=_LIKE_TYPE, copies=_COPIES)
    if chance(rng, 0.4):
        _brand(slip.print, slip, rng)
    if chance(rng, 0.5):
        _advert(slip.print, slip.rules, slip.foot + slip.pitch, rng)
    back = _backs(width, height, rng) if chance(rng, _BACK_SHARE) else ()
    if chance(rng, _BARE_SHARE):
        return Layers(slip.rules, slip.print, written, "nothing written", inks=inks, backs=back)
    capital = float(np.clip(uniform(rng, 20, 46), 14, 0.095 * width))
    writer = Writer.invented(materials, rng, capital=capital, thick=uniform(rng, 1.3, 3.2))
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1)))
    chosen = write_some(_WRITES, written, slip, writer, rng, count=count)
    return Layers(slip.rules, slip.print, written, " + ".join(chosen), inks=inks, backs=back)


def _lettered(text: str, size: float, rng: np.random.Generator) -> Field:
    """Set a brand or a slogan, cut to its extent."""
    return set_line(text, font_of(str(rng.choice(_BRANDS)), max(8, round(size))))


def _fitted(patch: Field, width: float, height: float) -> Field:
    """Shrink a patch into a box."""
    scale = min(1.0, width / patch.shape[1], height / patch.shape[0])
    size = (max(2, int(patch.shape[1] * scale)), max(2, int(patch.shape[0] * scale)))
    return np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.float32)


def _logo(width: float, height: float, rng: np.random.Generator) -> Field:
    """Return a brand: a word or two in a display face, aslant at times, or white in a box."""
    text = words(rng, int(rng.integers(1, 3)))[:12]
    logo = _lettered(text.upper() if chance(rng, 0.4) else text, 90, rng)
    if chance(rng, 0.25):
        logo = 1 - np.pad(logo, 14)
    elif chance(rng, 0.2):
        logo = turned(logo, uniform(rng, 2, 12))
    return _fitted(np.clip(logo, 0, 1), width, height)


def _brand(printed: Field, slip: Slip, rng: np.random.Generator) -> None:
    """Set a brand over the heading, where there is room, else over the heading's own lines."""
    height, width = printed.shape
    logo = _logo(width * uniform(rng, 0.45, 0.95), max(30.0, min(0.1 * height, slip.head)), rng)
    if slip.head < logo.shape[0]:
        printed[: logo.shape[0] + 4] = 0
    put(printed, logo, 2, (width - logo.shape[1]) * uniform(rng, 0.1, 0.9))


def _advert(printed: Field, rules: Field, top: float, rng: np.random.Generator) -> None:
    """Fill the foot: a slogan, lines of small print, a code, until the paper ends or the advertiser has said enough."""
    height, width = printed.shape
    end = height * uniform(rng, 0.8, 0.99)
    while end - top > 0.03 * height:
        what = str(rng.choice(("logo", "text", "code"), p=(0.4, 0.35, 0.25)))
        room = (width * uniform(rng, 0.4, 0.92), min(end - top, height * uniform(rng, 0.04, 0.12)))
        if what == "text":
            room = (room[0], min(room[1], 0.016 * height))
            patch = _fitted(_lettered(words(rng, int(rng.integers(3, 7))), 30, rng), *room)
        else:
            patch = _logo(*room, rng) if what == "logo" else _code(int(min(*room)), rng)
        put(rules if what == "code" else printed, patch, top, (width - patch.shape[1]) * uniform(rng, 0.3, 0.7))
        top += patch.shape[0] + height * uniform(rng, 0.004, 0.03)
        if chance(rng, 0.15):
            return


def _code(side: int, rng: np.random.Generator) -> Field:
    """Return a square code of so many px."""
    modules = int(rng.integers(21, 34))
    code = (rng.random((modules, modules)) < 0.5).astype(np.float32)
    eye = np.pad(np.pad(np.ones((3, 3), np.float32), 1), 1, constant_values=1)
    for rows in (slice(0, 7), slice(modules - 7, modules)):
        for columns in (slice(0, 7), slice(modules - 7, modules)):
            if rows.start and columns.start:
                continue
            code[rows, columns] = eye
    return np.asarray(cv2.resize(code, (max(21, side), max(21, side)), interpolation=cv2.INTER_NEAREST), np.float32)


def _backs(width: int, height: int, rng: np.random.Generator) -> tuple[tuple[Field, Colour], ...]:
    """Print the back in a colour or two, all the way down the roll, and mirror it: it shows through, pale and soft."""
    colours = rng.permutation(len(_BACKS))[: int(rng.choice((1, 2)))].tolist()
    layers = [np.zeros((height, width), np.float32) for _ in colours]
    every = height * uniform(rng, 0.12, 0.4)
    made = [_back_patch(width, every, rng) for _ in range(2)]
    y, number = -uniform(rng, 0, every), 0
    while y < height:
        patch = made[number % len(made)]
        hidden = int(max(0.0, -y))
        left = (width - patch.shape[1]) * (0.5 if chance(rng, 0.5) else uniform(rng, 0, 1))
        put(layers[number % len(layers)], patch[hidden:], max(0.0, y), left)
        y, number = y + max(every * 0.5, patch.shape[0] * 1.1), number + 1
    soft, strength = uniform(rng, 0.6, 2.2), uniform(rng, 0.05, 0.3)
    shown = [np.asarray(cv2.GaussianBlur(layer, (0, 0), soft)[:, ::-1] * strength, np.float32) for layer in layers]
    return tuple((layer, _BACKS[colour]) for layer, colour in zip(shown, colours, strict=True))


def _back_patch(width: int, every: float, rng: np.random.Generator) -> Field:
    """Return what is printed again and again: a slogan in lines, a code, a ring or a box with a brand in it."""
    what = str(rng.choice(("logo", "lines", "code", "sign"), p=(0.35, 0.3, 0.15, 0.2)))
    if what == "code":
        return _code(int(min(0.5 * width, 0.8 * every)), rng)
    if what == "logo":
        return _logo(width * uniform(rng, 0.5, 1), every * 0.6, rng)
    if what == "sign":
        side = int(min(0.6 * width, 0.8 * every))
        sign = np.zeros((side, side), np.float32)
        cv2.circle(sign, (side // 2, side // 2), int(0.44 * side), 1.0, max(2, side // int(rng.integers(8, 30))))
        name = _logo(0.6 * side, 0.4 * side, rng)
        put(sign, name, (side - name.shape[0]) / 2, (side - name.shape[1]) / 2)
        return sign
    lines = [
        _fitted(_lettered(words(rng, int(rng.integers(2, 5))), 60, rng), width * 0.94, every * 0.2) for _ in range(3)
    ]
    sheet = np.zeros((int(sum(line.shape[0] * 1.3 for line in lines)) + 2, width), np.float32)
    top = 0.0
    for line in lines:
        put(sheet, line, top, (width - line.shape[1]) / 2)
        top += line.shape[0] * 1.3
    return sheet


def _figures(text: str, writer: Writer, rng: np.random.Generator) -> Field:
    """Write figures: mostly stroke by stroke, else as the hand spells."""
    if chance(rng, 0.75):
        return turned(pen_figures(text, writer.capital, writer.thick, rng), float(rng.normal(2, 4)))
    return writer.spell(text, rng)


def _kept_inside(written: Field, patch: Field, left: float, top: float) -> tuple[float, float]:
    height, width = written.shape
    inside = (
        np.clip(left, 4, max(5, width - patch.shape[1] - 4)),
        np.clip(top, 4, max(5, height - patch.shape[0] - 4)),
    )
    return float(inside[0]), float(inside[1])


def _sum(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write a sum large: under the total, at its side, in the empty foot; three of four in a ring."""
    height, width = written.shape
    amount = float(slip.total[1]) if chance(rng, 0.6) else float(rng.gamma(1.5, 30)) + 1
    text = f"{amount:.2f}" if chance(rng, 0.75) else f"{amount:.0f}"
    text = f"RM {text}" if chance(rng, 0.06) else f"{text}/-" if chance(rng, 0.04) else text
    figures = _figures(text, writer, rng)
    where = str(rng.choice(("total", "foot", "anywhere"), p=(0.4, 0.4, 0.2)))
    box = slip.total[0]
    top = {
        "total": box[1] + slip.pitch * uniform(rng, -2.5, 4),
        "foot": slip.foot - slip.pitch * uniform(rng, -1.5, 5),
        "anywhere": height * uniform(rng, 0.03, 0.93),
    }[where]
    left, top = _kept_inside(written, figures, width * uniform(rng, 0.1, 0.9) - figures.shape[1] / 2, top)
    put(written, figures, top, left)
    if chance(rng, 0.75):
        around = (left, top, left + figures.shape[1], top + figures.shape[0])
        ring(written, around, writer.thick, rng, slack=uniform(rng, 0.8, 1.5))


def _number(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write a number at the head: an account, a date, a claim."""
    text = str(int(rng.integers(10, 10 ** int(rng.integers(3, 9)))))
    if chance(rng, 0.2):
        text = f"{int(rng.integers(1, 29))}/{int(rng.integers(1, 13))}/{int(rng.integers(0, 30)):02}"
    figures = _figures(text, writer, rng)
    most = written.shape[1] * 0.7
    if figures.shape[1] > most:
        figures = _fitted(figures, most, figures.shape[0])
    top = (
        uniform(rng, 0, 1) * max(12.0, slip.head) if chance(rng, 0.75) else slip.foot - slip.pitch * uniform(rng, -1, 3)
    )
    left, top = _kept_inside(written, figures, written.shape[1] * uniform(rng, 0, 0.8), top)
    put(written, figures, top, left)


#: What is written, and how often.
_WRITES: Final[Writes] = MappingProxyType({
    "sum": (_sum, 0.44), "number": (_number, 0.2), "letters": (sign_letters, 0.11), "name": (sign_name, 0.1),
    "signed": (sign_scrawl, 0.08), "ticks": (sign_ticks, 0.07),
})  # fmt: skip
