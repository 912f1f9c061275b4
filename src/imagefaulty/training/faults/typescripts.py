"""Typescripts of which every word's place is known: struck letter by letter, or lifted off real typed pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.training.faults.compositing import chance, clouds, fraction, put, soften, uniform
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.handwriting import resized
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.pens import Box
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.typesetting import font_of

_FACES: Final = ("DejaVuSansMono", "DejaVuSansMono", "cmtt10", "cmtt10", "DejaVuSansMono-Bold")
_LEAST_WORDS: Final = 25  # fewer are no typed page, or the page lies on its side
_SOLID: Final = 110  # of 255: what counts as a stroke
_INK: Final = (0.015, 0.2)  # share of a real typed page that is ink: else it carries pictures, or a bed
_LEAST_WIDTH: Final = 0.75  # share of the sheet's width: a slip of another page would lie in it as a strip
_BLOCK: Final = 0.02  # share of the page that one joined thing may cover


@dataclass(frozen=True, slots=True, eq=False)
class Typescript:
    """A typed page.

    Attributes:
        print: Type, float32 (h, w) in 0..1.
        words: Where each word stands, line by line.
        size: Height of the type, px: from the top of a capital to the base line, and a third.
        pitch: From line to line, px.
        detail: For people.
    """

    print: Field
    words: tuple[Box, ...]
    size: float
    pitch: float
    detail: str


class _Machine:
    """A typewriter: strikes unevenly, a little off the line, and cannot take a letter back."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.rng = rng
        self.size = uniform(rng, 11, 15.5) * min(width, 900) / 740
        self.font = font_of(str(rng.choice(_FACES)), max(7, round(self.size)))
        self.step, self.pitch = self.font.getlength("n"), self.size * float(rng.choice((1.25, 1.65, 1.65, 2.2, 2.2)))
        self.image = Image.new("L", (width, height), 0)
        self.pen = ImageDraw.Draw(self.image)
        self.force, self.restless = uniform(rng, 0, 0.4), uniform(rng, 0, 0.6)
        self.even, self.careless = chance(rng, 0.4), uniform(rng, 0, 0.03)
        self.words: list[Box] = []

    def strike(self, text: str, x: float, y: float) -> None:
        rng = self.rng
        if self.even:  # an electric one
            self.pen.text((x, y), text, fill=255, font=self.font)
            return
        for number, letter in enumerate(text):
            at = (x + number * self.step + rng.normal(0, self.restless / 3), y + rng.normal(0, self.restless / 2))
            self.pen.text(at, letter, fill=int(255 * (1 - self.force * rng.random())), font=self.font)

    def line(self, text: str, x: float, y: float) -> None:
        """Type a line; now and then a word is struck over with x, underlined, or another typed above it."""
        for word in text.split(" "):
            end = x + len(word) * self.step
            self.strike(word, x, y)
            odd = float(self.rng.random())
            if odd < 0.5 * self.careless:
                self.strike("x" * len(word), x, y)
            elif odd < 0.8 * self.careless:
                self.strike("_" * len(word), x, y)
            elif odd < self.careless and self.pitch > 1.5 * self.size:
                self.strike(word[::-1], x + self.step, y - 0.55 * self.pitch)
            if len(word) > 1:
                self.words.append((x, y + 0.15 * self.size, end, y + 1.1 * self.size))
            x = end + self.step


def set_typescript(width: int, height: int, rng: np.random.Generator) -> Typescript:
    """Type a page: prose, a play's dialogue, two narrow columns, or a memorandum with a heading."""
    machine = _Machine(rng, width, height)
    manner = str(rng.choice(("prose", "play", "columns", "memorandum"), p=(0.4, 0.2, 0.15, 0.25)))
    left, right = width * uniform(rng, 0.07, 0.2), width * uniform(rng, 0.88, 0.96)
    top = height * uniform(rng, 0.05, 0.2)
    end = height * (uniform(rng, 0.35, 0.7) if chance(rng, 0.3) else uniform(rng, 0.75, 0.94))
    if chance(rng, 0.6):
        machine.strike(str(int(rng.integers(1, 300))), width * uniform(rng, 0.45, 0.9), height * 0.03)
    if manner == "memorandum":
        for name in ("TO", "FROM", "SUBJECT", "DATE")[: int(rng.integers(2, 5))]:
            machine.line(f"{name:8}: {words(rng, int(rng.integers(1, 4)))}", left, top)
            top += 1.8 * machine.size
        top += machine.pitch
    elif chance(rng, 0.3):
        title = " ".join(words(rng, 1).upper())
        machine.strike(title, (left + right - len(title) * machine.step) / 2, top)
        top += 2 * machine.pitch
    middle = (left + right) / 2
    gap = 1.5 * machine.step
    for start, stop in ((left, middle - gap), (middle + gap, right)) if manner == "columns" else ((left, right),):
        _column(machine, (start, top, stop, end), rng, play=manner == "play" or chance(rng, 0.2))
    alpha = np.asarray(machine.image, np.float32) / np.float32(255)
    if chance(rng, 0.6):
        alpha = soften(alpha, uniform(rng, 0.4, 0.6) if chance(rng, 0.7) else uniform(rng, 0.7, 1.1))  # a carbon copy
    wear = 1 - uniform(rng, 0, 0.45) * np.clip(clouds((height, width), rng, period=uniform(rng, 12, 200)), 0, 1)
    alpha = np.clip(alpha * uniform(rng, 1.0, 1.5) * wear, 0, 1)
    return Typescript(alpha.astype(np.float32), tuple(machine.words), machine.size, machine.pitch, manner)


def _column(machine: _Machine, box: Box, rng: np.random.Generator, *, play: bool) -> None:
    left, y, right, end = box
    room = max(8, int((right - left) / machine.step))
    while y < end:
        if play:
            name = words(rng, 1).upper()[:12]
            machine.line(name, (left + right - len(name) * machine.step) / 2, y)
            y += machine.pitch
        for number in range(int(rng.integers(1, 4 if play else 12))):
            indent = 5 if number == 0 and not play else 0
            text = words(rng, room // 4 + 1)
            text = text if number == 0 or chance(rng, 0.3) else text.lower()
            machine.line(text[: room - indent].strip(), left + indent * machine.step, y)
            y += machine.pitch
            if y > end:
                return
        text = words(rng, 6)[: int(room * uniform(rng, 0.2, 0.8))].strip()
        machine.line(f"{text.lower()}{rng.choice(('.', '.', '?', ' !'))}", left, y)
        y += machine.pitch * float(rng.choice((1, 1, 1.6)))


def lifted_typescript(width: int, height: int, materials: Materials, rng: np.random.Generator) -> Typescript | None:
    """Lift the type of a whole real page, or return None where the page at hand is no plain typed one."""
    ink = materials.print_ink(rng)
    if not _INK[0] < float((ink > _SOLID).mean()) < _INK[1]:
        return None
    scale = min(width / ink.shape[1], height / ink.shape[0])
    if scale * ink.shape[1] < _LEAST_WIDTH * width:
        return None
    alpha = resized(fraction(ink), scale=scale)
    found, size, solid = _words_of(alpha)
    if len(found) < _LEAST_WORDS or solid > _BLOCK:
        return None
    page = np.zeros((height, width), np.float32)
    top, left = (height - alpha.shape[0]) // 2, (width - alpha.shape[1]) // 2
    put(page, alpha, top, left)
    moved = tuple((x + left, y + top, end + left, foot + top) for x, y, end, foot in found)
    tops = np.sort(np.unique([round(box[1] / size) for box in moved]))
    steps = np.diff(tops)
    pitch = size * float(np.median(steps[steps > 0])) if len(steps) else 1.6 * size
    return Typescript(page, moved, size, float(np.clip(pitch, 1.1 * size, 2.5 * size)), "lifted")


def _words_of(alpha: Field) -> tuple[list[Box], float, float]:
    """Find words by joining letters sideways: their boxes, the height of type, the share of the largest thing."""
    solid = (alpha > _SOLID / 255).astype(np.uint8)
    letters = cv2.connectedComponentsWithStats(solid)[2][1:]
    tall = letters[(letters[:, 3] > 4) & (letters[:, 3] < 40) & (letters[:, 2] < 60), 3]
    if len(tall) < 4 * _LEAST_WORDS:
        return [], 10.0, 1.0
    size = float(np.percentile(tall, 75)) * 1.25
    joined: Pixels = np.asarray(cv2.dilate(solid, np.ones((1, max(3, round(0.45 * size))), np.uint8)), np.uint8)
    stats = cv2.connectedComponentsWithStats(joined)[2][1:]
    wide, high = stats[:, 2], stats[:, 3]
    kept = (high > 0.5 * size) & (high < 1.9 * size) & (wide > 1.3 * size) & (wide < 14 * size)
    boxes = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in stats[kept]]
    return boxes, size, float((letters[:, 2] * letters[:, 3]).max()) / alpha.size
