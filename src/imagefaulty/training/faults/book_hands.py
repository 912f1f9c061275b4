"""Book hands of the Middle Ages: letters drawn stroke by stroke with a broad pen, in columns, with red headings.

Such a hand is as even as type, and pages of it are few. What tells it from print is the pen: strokes that are broad in
one direction and thin in another, lines that are filled rather than set, headings and initials in red and blue.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imagefaulty.training.faults.compositing import chance, put, uniform
from imagefaulty.training.faults.drawn import Field, Pixels

_Stroke = Sequence[tuple[float, float]]
_Path = NDArray[np.float64]

_DRAWN_AT: Final = 4  # letters are drawn so many times as large, then shrunk
_ABOVE, _BELOW = 2.0, 0.9  # room over and under the base line, in heights of an x
_SUBPIXEL: Final = 4  # bits of a fraction that OpenCV takes
_WORD: Final = 8  # heights of an x: narrower room is left empty
_LIKES_RED: Final = 0.05  # share of red lines above which verses begin in red as well
_MINIM: Final = ((-0.12, 0.88), (0.0, 0.98), (0.0, 0.12), (0.14, 0.0))
_BOWL: Final = ((0.3, 1.0), (0.0, 0.75), (0.0, 0.25), (0.3, 0.0), (0.6, 0.25), (0.6, 0.75), (0.3, 1.0))
_OPEN: Final = ((0.5, 0.86), (0.3, 1.0), (0.0, 0.75), (0.0, 0.25), (0.3, 0.0), (0.52, 0.12))


def _minim(x: float) -> _Stroke:
    return tuple((x + dx, y) for dx, y in _MINIM)


def _arch(x: float) -> _Stroke:
    """Lead on from one minim into the next."""
    return ((x, 0.78), (x + 0.3, 1.0), (x + 0.55, 0.84), (x + 0.55, 0.12), (x + 0.69, 0.0))


#: Strokes of each letter, right and up, in heights of an x, and how far on the next letter begins.
_LETTERS: Final[Mapping[str, tuple[float, tuple[_Stroke, ...]]]] = {
    "a": (0.72, (((0.06, 0.84), (0.3, 1.0), (0.5, 0.82), (0.5, 0.12), (0.62, 0.0)),
                 ((0.5, 0.56), (0.16, 0.5), (0.0, 0.25), (0.2, 0.0), (0.5, 0.16)))),
    "b": (0.75, (((0.0, 1.72), (0.0, 0.12), (0.3, 0.0), (0.6, 0.3), (0.6, 0.75), (0.3, 1.0), (0.0, 0.8)),)),
    "c": (0.6, (_OPEN,)),
    "d": (0.75, (_BOWL, ((0.6, 0.75), (0.44, 1.15), (0.0, 1.6)))),
    "D": (0.8, (_BOWL, ((0.6, 1.72), (0.6, 0.12), (0.72, 0.0)))),
    "e": (0.62, (_OPEN, ((0.02, 0.48), (0.36, 0.62), (0.5, 0.86)))),
    "f": (0.45, (((0.42, 1.6), (0.2, 1.72), (0.0, 1.4), (0.0, 0.0)), ((-0.15, 0.98), (0.36, 0.98)))),
    "g": (0.75, (_BOWL, ((0.6, 0.75), (0.6, -0.3), (0.3, -0.6), (0.0, -0.42)))),
    "h": (0.75, (((0.0, 1.72), (0.0, 0.0)), ((0.0, 0.8), (0.3, 1.0), (0.56, 0.8), (0.56, 0.1), (0.42, -0.2)))),
    "i": (0.32, (_minim(0.0),)),
    "l": (0.32, (((0.0, 1.72), (0.0, 0.12), (0.14, 0.0)),)),
    "m": (1.38, (_minim(0.0), _arch(0.0), _arch(0.55))),
    "n": (0.85, (_minim(0.0), _arch(0.0))),
    "o": (0.74, (_BOWL,)),
    "p": (0.75, (((0.0, 1.0), (0.0, -0.65)),
                 ((0.0, 0.8), (0.3, 1.0), (0.6, 0.75), (0.6, 0.25), (0.3, 0.0), (0.0, 0.14)))),
    "q": (0.78, (_OPEN, ((0.6, 1.0), (0.6, -0.65)))),
    "r": (0.5, (_minim(0.0), ((0.0, 0.8), (0.2, 1.0), (0.4, 0.9)))),
    "s": (0.55, (((0.46, 0.86), (0.25, 1.0), (0.04, 0.78), (0.42, 0.36), (0.44, 0.2), (0.2, 0.0), (0.0, 0.14)),)),
    "S": (0.42, (((0.42, 1.6), (0.2, 1.72), (0.0, 1.4), (0.0, 0.0)), ((-0.1, 0.9), (0.05, 0.98)))),
    "t": (0.46, (((0.0, 1.2), (0.0, 0.12), (0.18, 0.0), (0.34, 0.1)), ((-0.14, 0.98), (0.36, 0.98)))),
    "u": (0.85, (((-0.12, 0.9), (0.0, 0.98), (0.0, 0.16), (0.25, 0.0), (0.55, 0.2)), _minim(0.55))),
    "x": (0.6, (((0.0, 0.98), (0.5, 0.0)), ((0.5, 0.98), (0.22, 0.45), (-0.06, -0.1)))),
    "&": (0.6, (((0.0, 0.98), (0.44, 0.98), (0.36, 0.4), (0.12, -0.2)),)),
}  # fmt: skip
_NAMES: Final = tuple(_LETTERS)
#: How often each letter is written, about as in Latin.
_OFTEN: Final = np.array([
    8.5, 1.5, 4, 2, 1.2, 11, 1, 1.2, 1, 11, 3, 5.5, 6.5, 5.5, 2.7, 1.5, 6.5, 3.8, 3.8, 8, 9, 0.6, 1.2
])  # fmt: skip
_STROKE_OF_SHORTENING: Final = ((-0.1, 1.34), (0.2, 1.44), (0.5, 1.32), (0.75, 1.4))


@dataclass(frozen=True, slots=True)
class BookHand:
    """How one scribe writes.

    Attributes:
        x_height: Height of an x in px.
        nib: Breadth of the pen, in heights of an x.
        angle: How the pen is held, degrees from the line.
        thin: Thickness of its thinnest strokes, in breadths of the pen.
        rounded: Whether bowls are round (Carolingian, humanist) or broken (Gothic).
        narrow: Breadth of letters, and of the room between them, against their usual one.
        shortens: Share of letters with a stroke of abbreviation above.
        slant: How far strokes lean to the right.
        unsteady: How much points of strokes stray, in heights of an x.
    """

    x_height: float
    nib: float
    angle: float
    thin: float
    rounded: bool
    narrow: tuple[float, float]
    shortens: float
    slant: float
    unsteady: float

    @property
    def rows(self) -> int:
        """Height of a line in px, ascenders and descenders included."""
        return int((_ABOVE + _BELOW) * self.x_height) + 2

    @property
    def base(self) -> int:
        """Where in a line's rows the base line lies."""
        return int(_ABOVE * self.x_height) + 1

    def line(self, width: int, rng: np.random.Generator, *, fills: bool) -> Field:
        """Write a line of made-up words, float32 (:attr:`rows`, ``width``).

        Args:
            width: Room in px.
            rng: Source of chance.
            fills: Whether the line is stretched to fill the room, as prose in a column is.
        """
        scale = self.x_height * _DRAWN_AT
        image = np.zeros((self.rows * _DRAWN_AT, (width + int(2 * self.x_height)) * _DRAWN_AT), np.uint8)
        room, x = width / self.x_height, 0.2
        while x < room - 0.9:
            for letter in rng.choice(len(_NAMES), int(rng.integers(1, 10)), p=_OFTEN / _OFTEN.sum()).tolist():
                advance, strokes = _LETTERS[_NAMES[letter]]
                if x + advance * self.narrow[0] > room:
                    break
                self._write(image, strokes, x, scale, rng)
                if chance(rng, self.shortens):
                    self._write(image, (_STROKE_OF_SHORTENING,), x, scale, rng)
                x += advance * self.narrow[0] + 0.28 * self.narrow[1] * uniform(rng, 0.85, 1.15)
            x += uniform(rng, 0.35, 0.75) * self.narrow[1]
        end = min(x, room) if fills else room
        whole = image[:, : max(_DRAWN_AT, int(end * scale))]
        small = cv2.resize(whole, (width, self.rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32) / np.float32(255)

    def sort(self, name: str) -> tuple[Pixels, float] | None:
        """Write one letter to be cast as type, so many times as large; None for a letter that scribes lack.

        Returns:
            The letter, uint8, half an x from the left, and how far on the next one begins in px.
        """
        if name not in _LETTERS:
            return None
        advance, strokes = _LETTERS[name]
        scale = self.x_height * _DRAWN_AT
        image = np.zeros((self.rows * _DRAWN_AT, int((advance * self.narrow[0] + 1.4) * scale)), np.uint8)
        self._write(image, strokes, 0.5, scale, np.random.default_rng(0))
        return image, advance * self.narrow[0] * self.x_height

    def _write(
        self, image: Pixels, strokes: Sequence[_Stroke], x: float, scale: float, rng: np.random.Generator
    ) -> None:
        """Lead the pen along the strokes of one letter that begins at ``x``."""
        turned = np.deg2rad(self.angle)
        half = np.array([np.cos(turned), -np.sin(turned)]) * self.nib * scale / 2
        lift = rng.normal(0, self.unsteady)
        for stroke in strokes:
            points = np.array(stroke, np.float64) * (self.narrow[0], 1)
            points += rng.normal(0, self.unsteady, points.shape)
            points = _rounded(points) if self.rounded else points
            across = (points[:, 0] + x + points[:, 1] * self.slant) * scale
            down = self.base * _DRAWN_AT - (points[:, 1] + lift) * scale
            _sweep(image, np.stack([across, down], axis=1), half, max(1, round(self.thin * self.nib * scale)))


def _rounded(points: _Path) -> _Path:
    """Cut corners twice (Chaikin), ends kept."""
    for _ in range(2):
        first, second = points[:-1], points[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def _sweep(image: Pixels, path: _Path, half: _Path, thin: int) -> None:
    """Sweep a pen, a straight edge of two times ``half``, along a path (px)."""
    unit = 1 << _SUBPIXEL
    for start, end in itertools.pairwise(path):
        corners = np.array([start - half, start + half, end + half, end - half])
        cv2.fillConvexPoly(
            image, cv2.convexHull(np.round(corners * unit).astype(np.int32)), 255, cv2.LINE_AA, _SUBPIXEL
        )
    cv2.polylines(image, [np.round(path * unit).astype(np.int32)], False, 255, thin, cv2.LINE_AA, _SUBPIXEL)


def book_hand(rng: np.random.Generator, *, x_height: float) -> BookHand:
    """Invent a scribe: Gothic two times of three, else Carolingian or humanist."""
    rounded = chance(rng, 0.35)
    if rounded:
        nib, angle = uniform(rng, 0.1, 0.2), uniform(rng, 15, 40)
        narrow = (uniform(rng, 0.95, 1.25), uniform(rng, 0.8, 1.3))
    else:
        nib, angle = uniform(rng, 0.18, 0.36), uniform(rng, 30, 50)
        narrow = (uniform(rng, 0.62, 0.95), uniform(rng, 0.4, 0.95))
    return BookHand(
        x_height=x_height,
        nib=nib,
        angle=angle,
        thin=uniform(rng, 0.2, 0.5),
        rounded=rounded,
        narrow=narrow,
        shortens=0.0 if rounded and chance(rng, 0.5) else uniform(rng, 0.0, 0.14),
        slant=uniform(rng, -0.03, 0.16) if chance(rng, 0.4) else 0.0,
        unsteady=uniform(rng, 0.01, 0.05),
    )


@dataclass(frozen=True, slots=True, eq=False)
class BookPage:
    """What a scribe puts on a leaf, each float32 of the leaf's size in px, 0..1.

    Attributes:
        rules: Ruling.
        text: What is written in ink.
        red: Headings, initials and marks in red, or in blue.
        detail: For people.
    """

    rules: Field
    text: Field
    red: Field
    detail: str


def book_page(width: int, height: int, rng: np.random.Generator) -> BookPage:
    """Write a leaf: one column, two, or verse; headings in red, initials, at times a gloss beside the text.

    Args:
        width: Of the leaf, px.
        height: Of the leaf, px.
        rng: Source of chance.
    """
    rules, text, red = (np.zeros((height, width), np.float32) for _ in range(3))
    layout = str(rng.choice(("one column", "two columns", "verse"), p=(0.4, 0.42, 0.18)))
    top, bottom = height * uniform(rng, 0.03, 0.16), height * uniform(rng, 0.78, 0.97)
    left, right = width * uniform(rng, 0.04, 0.22), width * uniform(rng, 0.74, 0.97)
    pitch = (bottom - top) / (uniform(rng, 16, 34) if layout == "one column" else uniform(rng, 26, 56))
    scribe = book_hand(rng, x_height=max(2.6, pitch * uniform(rng, 0.3, 0.52)))
    columns = [(left, right)]
    if layout == "two columns":
        gutter, middle = (right - left) * uniform(rng, 0.03, 0.1), (left + right) / 2
        columns = [(left, middle - gutter / 2), (middle + gutter / 2, right)]
    if chance(rng, 0.5):
        _rule(rules, columns, [float(y) for y in np.arange(top, bottom, pitch)], rng)
    leaf = _Leaf(text, red, scribe, pitch, uniform(rng, 0, 0.1), uniform(rng, 0, 0.08),
                 layout == "verse" or chance(rng, 0.15))  # fmt: skip
    for start, end in columns:
        ends = bottom - (pitch * int(rng.integers(1, 9)) if chance(rng, 0.2) else 0)
        leaf.fill((start, end, top, ends), rng)
    if chance(rng, 0.3):
        _gloss(text, (left, right, top, bottom), pitch, rng)
    return BookPage(rules, text, red, f"{'round' if scribe.rounded else 'broken'}, {layout}")


def _rule(
    rules: Field, columns: Sequence[tuple[float, float]], lines: Sequence[float], rng: np.random.Generator
) -> None:
    """Rule the lines and the sides of the columns."""
    beyond = int(uniform(rng, 0, 12))
    for start, end in columns:
        for y in lines:
            cv2.line(rules, (int(start) - beyond, int(y)), (int(end) + beyond, int(y)), uniform(rng, 0.2, 0.6), 1)
        for x in (start - 2, end + 2):
            cv2.line(rules, (int(x), 0), (int(x), rules.shape[0]), 0.5, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """A leaf being written.

    Attributes:
        text: Takes what is written in ink.
        red: Takes what is red or blue.
        scribe: Who writes.
        pitch: From line to line, px.
        often_red: Share of lines that are red.
        initials: Share of lines that begin with an initial.
        verse: Whether lines are verses, each of its own length.
    """

    text: Field
    red: Field
    scribe: BookHand
    pitch: float
    often_red: float
    initials: float
    verse: bool

    def fill(self, box: tuple[float, float, float, float], rng: np.random.Generator) -> None:
        """Fill a column (left, right, top, bottom in px) from line to line."""
        left, right, y, bottom = box
        indent, indented, x_height = 0.0, 0, self.scribe.x_height
        while y < bottom:
            layer = self.red if chance(rng, self.often_red) else self.text
            if indented == 0 and chance(rng, self.initials):
                indented = int(rng.choice((1, 2, 3, 4), p=(0.45, 0.3, 0.15, 0.1)))
                indent = self.pitch * indented * uniform(rng, 0.8, 1.2)
                _initial(self.red, (left, y, indent, self.pitch * indented), rng)
            here = left + (indent if indented else 0)
            wide = int((right - here) * self._length(rng))
            if wide > _WORD * x_height:
                put(layer, self.scribe.line(wide, rng, fills=not self.verse), y, here)
            if self.verse and not indented and chance(rng, 0.8):
                capital = self.scribe.line(int(2.2 * x_height), rng, fills=False)
                put(self.red if self.often_red > _LIKES_RED else self.text, capital, y, left - 2.4 * x_height)
            indented = max(0, indented - 1)
            y += self.pitch * uniform(rng, 0.985, 1.015)

    def _length(self, rng: np.random.Generator) -> float:
        """Choose how much of its room a line takes."""
        if self.verse:
            return uniform(rng, 0.55, 0.95)
        return 1.0 if chance(rng, 0.93) else uniform(rng, 0.2, 0.9)


def _initial(red: Field, box: tuple[float, float, float, float], rng: np.random.Generator) -> None:
    """Write or paint a letter as high as some lines, now and then with a flourish down the margin."""
    left, top, width, height = box
    big = BookHand(height / 1.9, 0.3, uniform(rng, 0, 30), 0.3, True, (0.9, 1.0), 0.0, 0.0, 0.02)
    put(red, big.line(max(6, int(width)), rng, fills=False), top - 0.2 * height, left)
    if chance(rng, 0.25):
        corners = (int(left), int(top)), (int(left + width * 0.85), int(top + height))
        cv2.rectangle(red, *corners, uniform(rng, 0.3, 0.8), -1)
    if chance(rng, 0.3):
        steps = np.cumsum(rng.normal(0, 1.2, 24))
        ys = np.linspace(top, top + height * uniform(rng, 1.5, 6), 24)
        points = np.stack([left - 6 + steps, ys], axis=1)
        cv2.polylines(red, [points.astype(np.int32)], False, 0.9, 1, cv2.LINE_AA)


def _gloss(text: Field, box: tuple[float, float, float, float], pitch: float, rng: np.random.Generator) -> None:
    """Write a few short lines into the margins of ``box`` (left, right, top, bottom in px), in a smaller hand."""
    left, right, top, bottom = box
    hand = book_hand(rng, x_height=max(2.2, pitch * uniform(rng, 0.16, 0.28)))
    for start, end in ((4.0, left - 8), (right + 8, text.shape[1] - 4.0)):
        if end - start < _WORD * hand.x_height:
            continue
        for _ in range(int(rng.integers(1, 4))):
            y = uniform(rng, top, bottom)
            for _ in range(int(rng.integers(1, 9))):
                put(text, hand.line(int(end - start), rng, fills=False), y, start)
                y += hand.x_height * 2.6
