"""A hand that spells letter by letter: school hands, capitals, neat notebooks, which cursive pages do not teach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, clouds, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.stand_ins import words

_CELL, _BASE, _CAP = 96, 66, 40  # px at which letters are drawn: the cell, its base line, the height of a capital
_VARIANTS: Final = 3
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-:'/()"
#: Single-stroke faces and how often each is the skeleton of a hand.
_SKELETONS: Final = (
    (cv2.FONT_HERSHEY_SIMPLEX, 0.5),
    (cv2.FONT_HERSHEY_PLAIN, 0.15),
    (cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.25),
    (cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 0.1),
)


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """One person's letters, each in a few variants.

    Attributes:
        glyphs: Per letter its variants, float32 (rows, columns) in 0..1, all of one height, on one base line.
        advances: Width of each letter in px.
        gap: Space between words in px.
        restless: How far letters leave the base line, px.
        capitals: Whether the hand writes capitals only.
    """

    glyphs: Mapping[str, tuple[Field, ...]]
    advances: Mapping[str, float]
    gap: float
    restless: float
    capitals: bool

    @property
    def rows(self) -> int:
        """Height of a line in px, ascenders and descenders included."""
        return int(self.glyphs["a"][0].shape[0])

    def line(self, text: str, rng: np.random.Generator, *, width: int) -> Field:
        """Write a line, float32 (:attr:`rows` + 4, ``width``), as many letters of ``text`` as there is room for."""
        out = np.zeros((self.rows + 4, width), np.float32)
        x, drift = 1.0, float(rng.normal(0, 0.6))
        for letter in text.upper() if self.capitals else text:
            if letter not in self.glyphs:
                x += self.gap * uniform(rng, 0.75, 1.3)
                continue
            variants = self.glyphs[letter]
            shape = variants[int(rng.integers(len(variants)))]
            left = int(x)
            if left + shape.shape[1] >= width:
                break
            top = int(np.clip(round(2 + rng.normal(0, self.restless) + drift * x / width), 0, 4))
            place = (slice(top, top + shape.shape[0]), slice(left, left + shape.shape[1]))
            out[place] = np.maximum(out[place], shape)
            x += self.advances[letter] * uniform(rng, 0.88, 1.14)
        return out


def hand(rng: np.random.Generator, *, capital: float, pen: float) -> Hand:
    """Invent a hand.

    Args:
        rng: Source of chance.
        capital: Height of its capitals in px.
        pen: Width of its strokes in px.
    """
    scale = capital / _CAP
    faces, shares = [face for face, _ in _SKELETONS], [share for _, share in _SKELETONS]
    face = int(rng.choice(faces, p=shares))
    size = _CAP / cv2.getTextSize("H", face, 1.0, 1)[0][1]
    manner = _Manner(
        face, size, max(1, round(pen / scale)), uniform(rng, -0.12, 0.35), uniform(rng, 0.75, 1.15),
        uniform(rng, 0.02, 0.09),
    )  # fmt: skip
    spread = uniform(rng, 0.9, 1.5)
    glyphs, advances = {}, {}
    for letter in _LETTERS:
        (advance, _), _ = cv2.getTextSize(letter, face, size, 1)
        glyphs[letter] = tuple(_glyph(letter, manner, scale, rng) for _ in range(_VARIANTS))
        advances[letter] = max(2.0, advance * manner.wide * scale * spread)
    return Hand(glyphs, advances, capital * uniform(rng, 0.8, 1.9), uniform(rng, 0.1, 0.9), chance(rng, 0.22))


@dataclass(frozen=True, slots=True)
class _Manner:
    """What all letters of a hand share: skeleton, its size, stroke (px, drawn large), slant, breadth, unsteadiness."""

    face: int
    size: float
    thick: int
    slant: float
    wide: float
    unsteady: float


def _glyph(letter: str, manner: _Manner, scale: float, rng: np.random.Generator) -> Field:
    """Draw one variant of a letter large, bend it, and shrink it."""
    unsteady = manner.unsteady
    cell = np.zeros((_CELL, _CELL + 40), np.uint8)
    cv2.putText(cell, letter, (20, _BASE), manner.face, manner.size, 255, manner.thick, cv2.LINE_AA)
    turn = np.array([[manner.wide, -manner.slant], [0, 1]]) @ np.array(
        [[1, rng.normal(0, unsteady)], [rng.normal(0, unsteady), 1]]
    )
    turn *= 1 + rng.normal(0, unsteady / 2)
    around = np.array([20.0, _BASE])
    matrix = np.column_stack([turn, around - turn @ around])
    cell = cv2.warpAffine(cell, matrix, (cell.shape[1], _CELL))
    bend_x, bend_y = (clouds(cell.shape, rng, period=28, octaves=1) * np.float32(60 * unsteady) for _ in range(2))
    ys, xs = np.mgrid[0:_CELL, 0 : cell.shape[1]].astype(np.float32)
    cell = cv2.remap(cell, xs + bend_x, ys + bend_y, cv2.INTER_LINEAR)
    inked = np.flatnonzero(cell.max(axis=0) > 30)
    left, right = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (0, 4)
    cut = cell[:, max(0, left - 2) : right + 2]
    small = cv2.resize(
        cut, (max(2, round(cut.shape[1] * scale)), max(6, round(_CELL * scale))), interpolation=cv2.INTER_AREA
    )
    return np.clip(np.asarray(small, np.float32) / np.float32(255) * 1.3, 0, 1)


def spelled(rng: np.random.Generator, *, width: int, height: int, capital: float, pen: float) -> Field:
    """Fill a block with lines of one invented hand: float32 (``height``, ``width``) alpha.

    Now and then there is a heading in capitals, a paragraph that ends early, a line left out, a deeper indent.
    """
    writer = hand(rng, capital=capital, pen=pen)
    out = np.zeros((height, width), np.float32)
    pitch = capital * uniform(rng, 1.7, 3.2)
    ragged, y = uniform(rng, 0.0, 0.2), 0.0
    letters = max(6, int(width / np.mean(list(writer.advances.values()))))
    while y + writer.rows + 4 < height:
        if not chance(rng, 0.07):
            short = uniform(rng, 0.2, 0.8) if chance(rng, 0.12) else 1 - ragged * float(rng.random())
            text = words(rng, max(1, letters // 5))[: max(3, int(letters * short))]
            text = text.upper() if chance(rng, 0.05) else text if chance(rng, 0.2) else text.lower()
            indent = int(width * 0.06) if chance(rng, 0.1) else 0
            line = writer.line(text, rng, width=width - indent)
            place = (slice(int(y), int(y) + line.shape[0]), slice(indent, width))
            out[place] = np.maximum(out[place], line)
        y += pitch * uniform(rng, 0.94, 1.06)
    return out
