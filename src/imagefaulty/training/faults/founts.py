"""Founts of early type: roman, italic and black letter, cast once and set line by line.

What tells print from a hand is that a letter has one shape: every one comes from the same matrix. So each letter of a
fount is drawn once, and lines are set from these pieces; only ink and a slack line differ from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.training.faults.book_hands import BookHand, book_hand
from imagefaulty.training.faults.compositing import chance, fraction, uniform
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.typesetting import font_of, has_faces

Style = Literal["roman", "italic", "modern", "fraktur", "textura", "flowers"]
LONG_S: Final = "\u017f"
_CAST_AT: Final = 4  # letters are cast so many times as large, so that they stand at fractions of a px
_ABOVE, _BELOW = 1.0, 0.42  # room over and under the base line, in ems
_FACES: Final[Mapping[str, Sequence[tuple[str, float]]]] = {
    "roman": (("STIXGeneral", 0.6), ("DejaVuSerif", 0.2), ("STIXGeneralBol", 0.2)),
    "italic": (("STIXGeneralItalic", 0.75), ("DejaVuSerif-Italic", 0.25)),
    "modern": (("cmr10", 1.0),),
    "modern italic": (("cmti10", 1.0),),
    "modern bold": (("cmb10", 1.0),),
    "flowers": (("DejaVuSans", 1.0),),
    "fraktur": (("STIXGeneral", 0.6), ("STIXGeneralBol", 0.4)),
}
_NO_LONG_S: Final = ("cmr10", "cmti10", "cmb10")
_WIDE: Final = ("DejaVuSerif", "DejaVuSerif-Italic")
#: Letters set as one, where a face has them.
LIGATURES: Final = (("ffi", "\ufb03"), ("ff", "\ufb00"), ("fi", "\ufb01"), ("fl", "\ufb02"))
#: Black letter has its place among the mathematical alphabets, but for the capitals that were there before.
_ODD_CAPITALS: Final = {"C": "\u212d", "H": "\u210c", "I": "\u2111", "R": "\u211c", "Z": "\u2128"}
#: Letters that a pen's alphabet lacks, and those that do for them at this size.
_STAND_FOR: Final = {LONG_S: "S", "j": "i", "k": "h", "v": "u", "w": "m", "y": "x", "z": "r", "d": "D"}

_Cast = Callable[[str], tuple[Pixels, float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Fount:
    """Type of one face and size.

    Attributes:
        size: Of the em, px.
        rows: Height of a line in px, ascenders and descenders included.
        base: Where in a line's rows the base line lies.
        long_s: Whether it has a long s.
        joined: Whether it has letters cast as one, such as ffi.
        slack: How far letters stray from the line, px.
        cast: Returns a letter, larger than it prints, with where it begins and how far on the next one stands.
    """

    size: float
    rows: int
    base: int
    long_s: bool
    joined: bool
    slack: float
    cast: _Cast
    _cases: dict[str, tuple[Pixels, float, float]] = field(default_factory=dict)

    def _letter(self, letter: str) -> tuple[Pixels, float, float]:
        if letter not in self._cases:
            self._cases[letter] = self.cast(letter)
        return self._cases[letter]

    def pieces(self, text: str) -> str:
        """Return text as it is set: with long s inside words and letters joined."""
        last = len(text) - 1
        text = "".join(
            LONG_S if self.long_s and letter == "s" and place < last and text[place + 1].isalpha() else letter
            for place, letter in enumerate(text)
        )
        for apart, joined in LIGATURES if self.joined else ():
            text = text.replace(apart, joined)
        return text

    def length(self, text: str, *, spaced: float = 0.0) -> float:
        """Return the length of a text in px, its spaces as they are cast."""
        return sum(self._letter(letter)[2] + spaced * self.size for letter in self.pieces(text))

    def line(self, text: str, rng: np.random.Generator, *, width: float = 0.0, spaced: float = 0.0) -> Field:
        """Set a line, float32 (:attr:`rows`, its length in px).

        Args:
            text: What to set.
            rng: Source of chance.
            width: Length to which the spaces between words stretch or shrink the line, px; 0 leaves it as it is.
            spaced: Room after every letter, in ems, as between capitals.
        """
        pieces = self.pieces(text)
        natural = self.length(text, spaced=spaced)
        gaps = pieces.count(" ")
        stretch = (width - natural) / gaps if width and gaps else 0.0
        whole = np.zeros((self.rows * _CAST_AT, (int(max(natural, width)) + 6) * _CAST_AT), np.uint8)
        stray = np.rint(rng.normal(0, self.slack * _CAST_AT, len(pieces))).astype(int).tolist()
        force = (256 * rng.uniform(0.82, 1.0, len(pieces))).astype(int).tolist()
        x = 2.0
        for piece, down, inked in zip(pieces, stray, force, strict=True):
            image, begins, advance = self._letter(piece)
            if piece != " ":
                left = max(0, round(x * _CAST_AT + begins))
                here = whole[:, left : left + image.shape[1]]
                cast = np.roll(image, down, axis=0) if down else image
                np.maximum(here, cv2.convertScaleAbs(cast, alpha=inked / 256)[:, : here.shape[1]], out=here)
            x += advance + spaced * self.size + (stretch if piece == " " else 0.0)
        small = cv2.resize(whole, (whole.shape[1] // _CAST_AT, self.rows), interpolation=cv2.INTER_AREA)
        return fraction(small)


@dataclass(frozen=True, slots=True)
class _Cutting:
    """How a punch-cutter made a face his own: breadth, slope, ink spread and weight against the drawn one."""

    narrow: float
    slope: float
    spread: float
    weight: float
    fit: float

    def cut(self, image: Pixels, begins: float, base: int) -> tuple[Pixels, float]:
        """Return a letter as it prints, and where it begins."""
        rows, columns = image.shape
        below = self.slope * (rows - base)
        matrix = np.array([[self.narrow, -self.slope, self.slope * base + below], [0, 1, 0]], np.float32)
        size = (int(self.narrow * columns + abs(self.slope) * rows) + 2, rows)
        image = cv2.warpAffine(image, matrix, size)
        soft = cv2.GaussianBlur(image, (0, 0), self.spread).astype(np.float32)
        inked = np.clip((soft - 255 * self.weight) * 3 + 128, 0, 255)
        return np.asarray(inked, np.uint8), begins * self.narrow - below


def fount(
    rng: np.random.Generator, style: Style, size: float, *, bold: bool = False, like: Fount | None = None
) -> Fount:
    """Cast a fount.

    Args:
        rng: Source of chance.
        style: ``modern`` is of about 1800, thick and thin; ``textura`` is drawn with a broad pen.
        size: Of the em, px.
        bold: Whether a modern face is bold.
        like: A fount that is as slack as this one, of the same printer.
    """
    slack = like.slack if like else uniform(rng, 0.0, 0.16)
    if style == "textura":
        return _of_the_pen(rng, size, slack)
    faces = _FACES["modern bold" if bold and style == "modern" else style]
    name = faces[int(rng.choice(len(faces), p=[share for _, share in faces]))][0]
    size *= 0.84 if name in _WIDE else 1.12 if style == "fraktur" else 1.0
    large = size * _CAST_AT
    cutting = _Cutting(
        narrow=uniform(rng, 0.86, 1.08) * (0.86 if name in _WIDE or style == "fraktur" else 1.0),
        slope=uniform(rng, 0, 0.12) if style == "italic" else 0.0,
        spread=max(0.6, large * uniform(rng, 0.012, 0.032)),
        weight=uniform(rng, 0.2, 0.36) if style == "modern" else uniform(rng, 0.24, 0.44),
        fit=size * uniform(rng, -0.015, 0.035) - (0.045 * size if style == "fraktur" else 0.0),
    )
    rows, base = int((_ABOVE + _BELOW) * size) + 2, int(_ABOVE * size) + 1
    long_s = has_faces() and name not in _NO_LONG_S
    alphabet = _black_letter(bold=name.endswith("Bol")) if style == "fraktur" else {}
    cast = _from_face(name, large, (rows, base), cutting, alphabet)
    return Fount(size, rows, base, long_s, long_s and not alphabet, slack, cast)


def _from_face(
    name: str, large: float, frame: tuple[int, int], cutting: _Cutting, alphabet: Mapping[str, str]
) -> _Cast:
    """Cast letters of a drawn face into a frame: height of a line, and where in it the base line lies."""
    rows, base = frame
    face, room = font_of(name, max(5, round(large))), 4

    def cast(letter: str) -> tuple[Pixels, float, float]:
        shown = alphabet.get(letter, letter)
        left, _, right, _ = face.getbbox(shown, anchor="ls")
        image = Image.new("L", (int(right - left) + 2 * room, rows * _CAST_AT), 0)
        ImageDraw.Draw(image).text((room - left, base * _CAST_AT), shown, fill=255, font=face, anchor="ls")
        cut, begins = cutting.cut(np.asarray(image, np.uint8), left - room, base * _CAST_AT)
        return cut, begins, face.getlength(shown) * cutting.narrow / _CAST_AT + cutting.fit

    return cast


def _black_letter(*, bold: bool) -> dict[str, str]:
    """Where the letters of Fraktur are; its f does for the long s, which is not among them."""
    if not has_faces():
        return {}
    capitals, small = (0x1D56C, 0x1D586) if bold else (0x1D504, 0x1D51E)
    letters = {chr(65 + place): chr(capitals + place) for place in range(26)}
    letters |= {chr(97 + place): chr(small + place) for place in range(26)}
    letters[LONG_S] = letters["f"]
    return letters if bold else letters | _ODD_CAPITALS


def _of_the_pen(rng: np.random.Generator, size: float, slack: float) -> Fount:
    """Cast what a scribe would write, his hand made steady; capitals and figures are Fraktur's and roman."""
    scribe = book_hand(rng, x_height=size * uniform(rng, 0.44, 0.5))
    steady = BookHand(scribe.x_height, scribe.nib, scribe.angle, scribe.thin, scribe.rounded, scribe.narrow, 0.0,
                      0.0, 0.0)  # fmt: skip
    cutting = _Cutting(uniform(rng, 0.85, 1), 0.0, size * 0.06, uniform(rng, 0.22, 0.4), 0.0)
    rows, base = steady.rows, steady.base
    others = _from_face("STIXGeneralBol", size * _CAST_AT, (rows, base), cutting, _black_letter(bold=True))
    fit = uniform(rng, 0.1, 0.24) * steady.narrow[1] * steady.x_height

    def cast(letter: str) -> tuple[Pixels, float, float]:
        if letter == " ":
            return np.zeros((rows * _CAST_AT, 1), np.uint8), 0.0, steady.x_height * 0.6
        drawn = steady.sort(_STAND_FOR.get(letter, letter))
        if drawn is None:
            return others(letter)
        image, advance = drawn
        return image, -steady.x_height * _CAST_AT / 2, advance + fit

    return Fount(size, rows, base, True, False, slack, cast)


def some_style(rng: np.random.Generator) -> Style:
    """Choose what a page is set in.

    Textura seldom: cast from the strokes of book hands, it can hardly be told from them at the size of an input.
    """
    styles: tuple[Style, ...] = ("roman", "italic", "modern", "fraktur", "textura")
    return styles[int(rng.choice(5, p=(0.42, 0.17, 0.2, 0.17, 0.04)))]


def is_black_letter(style: Style) -> bool:
    """Whether a style has no capitals that can be set alone."""
    return style in {"fraktur", "textura"}


def second_style(rng: np.random.Generator, style: Style) -> Style:
    """Choose what is set beside a style: italic with roman, and the other way round; black letter keeps to itself."""
    if is_black_letter(style) or style == "modern" or chance(rng, 0.5):
        return style
    return "italic" if style == "roman" else "roman"
