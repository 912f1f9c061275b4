"""What a pen does on type that it can see: strokes, rings, ticks, scrawls, words, in one person's hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike

from imagefaulty.training.faults.compositing import chance, fraction, put, uniform, wavy
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.handwriting import lifted, pen, resized, turned
from imagefaulty.training.faults.layers import Colour, Inks
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.spelling import Hand, hand

#: Left, top, right, bottom in px.
Box = tuple[float, float, float, float]
_LARGER: Final = 3  # strokes are drawn so many times as large, and shrunk
_LIFTED_SHARE: Final = 0.45  # of the hands are lifted off real pages, as far as they write words
FAINT: Final = 0.62  # opacity below which a hard threshold would wipe writing out


def trace(layer: Field, points: ArrayLike, thick: float, rng: np.random.Generator) -> None:
    """Draw one stroke through points (n, 2 as x, y): rounded at its turns, and pressed unevenly."""
    knots = np.asarray(points, np.float64)
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    count = int(np.clip(at[-1] / 1.5, 24, 700))
    fine = np.linspace(0, at[-1], count)
    reach = max(1, count // (4 * len(knots)))
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    path = np.stack(
        [np.convolve(np.pad(np.interp(fine, at, knots[:, axis]), reach, mode="edge"), kernel, "valid")
         for axis in (0, 1)], axis=1,
    )  # fmt: skip
    pad = thick + 2
    left, top = (max(0, int(value - pad)) for value in path.min(axis=0))
    right, bottom = (int(value + pad) for value in path.max(axis=0))
    columns, rows = min(layer.shape[1], right) - left, min(layer.shape[0], bottom) - top
    if rows < 2 or columns < 2:
        return
    big = np.zeros((rows * _LARGER, columns * _LARGER), np.uint8)
    drawn = np.round((path - (left, top)) * _LARGER * 8).astype(np.int32)
    pressure = thick * _LARGER * (1 + 0.3 * wavy(count, rng, period=30, octaves=2))
    for start in range(0, count - 1, 6):
        wide = max(1, round(float(pressure[start])))
        cv2.polylines(big, [drawn[start : start + 7]], False, 255, wide, cv2.LINE_AA, 3)
    small = np.asarray(cv2.resize(big, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    put(layer, np.clip(fraction(small) * 1.15, 0, 1).astype(np.float32), top, left)


def ring(layer: Field, box: Box, thick: float, rng: np.random.Generator, *, slack: float = 1.0) -> None:
    """Ring what lies in ``box``: not quite round, not quite closed or closed twice, askew, with more or less room."""
    left, top, right, bottom = box
    tall = max(8.0, bottom - top)
    across, down = (right - left) / 2 + tall * uniform(rng, 0.1, 0.7), slack * tall * uniform(rng, 0.6, 1.1)
    turn = np.linspace(0, uniform(rng, 5.7, 9.0), 30) * float(rng.choice((-1, 1))) + uniform(rng, 0, 6.3)
    reach = 1 + np.linspace(0, uniform(rng, -0.14, 0.14), 30) + 0.06 * wavy(30, rng, period=12, octaves=2)
    x, y = across * reach * np.cos(turn), down * reach * np.sin(turn)
    tilt = float(rng.normal(0, 0.09))
    middle = np.array([(left + right) / 2, (top + bottom) / 2]) + rng.normal(0, 0.12 * tall, 2)
    trace(layer, np.stack([x - tilt * y, y + tilt * x], axis=1) + middle, thick, rng)


def tick(layer: Field, place: tuple[float, float], size: float, thick: float, rng: np.random.Generator) -> None:
    """Tick at a place: a short stroke down, a long one up."""
    shape = np.array([(0.0, 0.55), (0.3, 1.0), (0.5, 0.6), (1.05, -0.15)]) + rng.normal(0, 0.07, (4, 2))
    trace(layer, np.asarray(place) + shape * (size * uniform(rng, 0.8, 1.4), size), thick, rng)


def strike(layer: Field, box: Box, thick: float, rng: np.random.Generator) -> None:
    """Strike out what lies in ``box``: with a line or two, a cross-stroke, a zigzag, or until it is hidden."""
    left, top, right, bottom = box
    tall, wide = bottom - top, right - left
    manner = str(rng.choice(("line", "double", "slant", "zigzag", "blot"), p=(0.45, 0.13, 0.14, 0.18, 0.1)))
    if manner in {"zigzag", "blot"}:
        turns = max(3, int(wide / (tall * (0.4 if manner == "zigzag" else 0.16))))
        x = np.linspace(left - 2, right + 2, turns) + rng.normal(0, tall * 0.07, turns)
        y = np.where(np.arange(turns) % 2, top + 0.15 * tall, bottom - 0.1 * tall) + rng.normal(0, tall * 0.08, turns)
        trace(layer, np.stack([x, y], axis=1), thick * (1 if manner == "zigzag" else 1.5), rng)
        return
    for line in range(2 if manner == "double" else 1):
        middle = top + tall * (0.52 + 0.22 * line)
        rise = tall * (uniform(rng, 0.5, 0.9) if manner == "slant" else float(rng.normal(0, 0.07)))
        x = np.linspace(left - uniform(rng, 0, 0.3) * tall, right + uniform(rng, 0, 0.3) * tall, 7)
        y = middle + np.linspace(rise, -rise, 7) + rng.normal(0, 0.05 * tall, 7)
        trace(layer, np.stack([x, y], axis=1), thick, rng)


def scrawl(layer: Field, box: Box, thick: float, rng: np.random.Generator) -> None:
    """Sign in ``box``, illegibly: a large loop, a row of smaller ones that flatten, and often a stroke beneath."""
    left, top, right, bottom = box
    wide, tall = right - left, bottom - top
    loops = int(rng.integers(3, 9))
    t = np.linspace(0, loops * 2 * np.pi, loops * 9)
    size = np.repeat(rng.uniform(0.12, 0.4, loops) * np.where(rng.random(loops) < 0.25, 2, 1), 9)
    size[: int(rng.integers(6, 14))] = uniform(rng, 0.75, 1.0)
    size *= np.linspace(1, uniform(rng, 0.2, 0.9), len(t))
    along = np.linspace(0, 0.85, len(t)) ** uniform(rng, 0.8, 1.2) + size * 0.18 * np.sin(t)
    base = top + tall * (0.8 - np.linspace(0, uniform(rng, -0.05, 0.3), len(t)))
    y = base - tall * size * (0.5 - 0.5 * np.cos(t + uniform(rng, -0.6, 0.6)))
    x = left + wide * along + (base - y) * uniform(rng, -0.1, 0.5)
    trace(layer, np.stack([x, y], axis=1), thick, rng)
    if chance(rng, 0.45):
        back = np.array([(0.9, 0.7), (0.5, 0.88), (0.05, 0.95), (0.5, 0.92), (1.0, 0.8)]) + rng.normal(0, 0.04, (5, 2))
        trace(layer, back * (wide, tall) + (left, top), thick, rng)


@dataclass(slots=True, eq=False)
class Writer:
    """One person with one pen.

    Attributes:
        ink: Ink of a real handwritten page that words are lifted off, or None.
        capital: Height of capitals in px.
        thick: Width of strokes in px.
    """

    ink: Pixels | None
    capital: float
    thick: float
    _hand: Hand | None = None  # invented when it first spells, for that takes as long as all else

    @classmethod
    def invented(cls, materials: Materials, rng: np.random.Generator, *, capital: float, thick: float) -> Writer:
        """Choose a hand whose capitals are ``capital`` px high."""
        ink = materials.hand_ink(rng) if materials.hands and chance(rng, _LIFTED_SHARE) else None
        return cls(ink, capital, thick)

    def spell(self, text: str, rng: np.random.Generator) -> Field:
        """Write a text letter by letter, cut to its extent."""
        if self._hand is None:
            self._hand = hand(rng, capital=self.capital, pen=self.thick)
        return cut_out(self._hand.line(text, rng, width=int(len(text) * max(self._hand.advances.values())) + 12))

    def word(self, text: str, rng: np.random.Generator, *, most: float) -> Field:
        """Write a word, at most ``most`` px wide: lifted (whatever it says) or spelled, rising a little."""
        found = None
        if self.ink is not None:
            found = lifted(self.ink, rng, width=uniform(rng, 0.07, 0.2), height=0.03, tries=3)
        written = self.spell(text, rng) if found is None else found
        tall = self.capital * (1.0 if found is None else uniform(rng, 1.3, 1.9)) / written.shape[0]
        scale = min(most / written.shape[1], tall if found is not None else 1.0)
        written = resized(written, scale=scale) if scale < 0.98 or found is not None else written
        return turned(written, float(rng.normal(1, 2.5)))


def cut_out(line: Field) -> Field:
    """Cut what is written to its extent; nothing where nothing is."""
    rows, columns = np.flatnonzero(line.max(axis=1) > 0.2), np.flatnonzero(line.max(axis=0) > 0.2)
    if not len(rows):
        return line
    return line[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]


def inks_for(type_ink: Colour, rng: np.random.Generator, *, like_type: float, copies: float) -> Inks:
    """Choose the pen of a page: of the type's own colour at times, so that only the strokes tell hand from print.

    Args:
        type_ink: Colour of the type.
        rng: Source of chance.
        like_type: How often the pen is of that colour.
        copies: How often the page is copied in black and white; pale pens are not.
    """
    if chance(rng, like_type):
        shade = uniform(rng, 0.8, 1.15)
        own = (type_ink[0] * shade, type_ink[1] * shade, type_ink[2] * shade)
        return Inks(type_ink, own, "as the type", uniform(rng, 0.8, 1.0), copies)
    name, colour, opacity = pen(rng)
    opacity = max(0.5, opacity * uniform(rng, 0.75, 1))
    faint = opacity < FAINT or name == "pencil"
    return Inks(type_ink, colour, "pencil" if faint else name, opacity, 0.0 if faint else copies)
