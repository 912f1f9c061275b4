"""Paper, typed pages and handwriting made from nothing, for where no real ones are at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagefaulty.training.faults.compositing import chance, clouds, grain, ink, to_pixels, uniform
from imagefaulty.training.faults.drawn import Field, Pixels

_SHAPE = (1024, 740)  # px, an A4 page at the generator's working size
_SYLLABLES = ("an", "de", "er", "in", "lo", "ma", "ne", "or", "pa", "qui", "re", "sta", "te", "un", "ver", "zu", "con")

#: Syllables of made-up words in the languages of early books.
_TONGUES: Final[Mapping[str, Sequence[str]]] = MappingProxyType({
    "Latin": (
        "a", "ab", "ad", "am", "an", "ba", "be", "bi", "ca", "ce", "con", "cu", "de", "di", "do", "e", "en",
        "er", "est", "et", "fa", "fe", "fi", "ge", "hu", "i", "in", "is", "la", "le", "li", "lo", "lu", "ma",
        "me", "mi", "mus", "na", "ne", "nis", "nu", "o", "om", "or", "pa", "per", "po", "pra", "pro", "quam",
        "que", "qui", "quo", "ra", "re", "ri", "rum", "sa", "se", "si", "sti", "su", "sus", "ta", "te", "ti",
        "tis", "to", "tu", "tur", "um", "unt", "us", "ve", "vi", "vo",
    ),
    "French": (
        "a", "au", "ab", "ai", "an", "ble", "ce", "ces", "cha", "che", "com", "dans", "de", "des", "di", "du",
        "e", "eil", "en", "es", "est", "et", "eur", "fa", "fi", "gne", "il", "in", "je", "la", "le", "les",
        "li", "loi", "ma", "me", "men", "mon", "ne", "nous", "oi", "on", "ou", "par", "pas", "pe", "plus",
        "pour", "pre", "que", "qui", "ra", "re", "res", "ri", "roi", "s", "sa", "se", "sei", "son", "sous",
        "sur", "ta", "te", "ti", "tion", "tre", "un", "ve", "vo", "vie",
    ),
    "German": (
        "ab", "all", "als", "an", "auf", "aus", "be", "ber", "bun", "che", "da", "das", "dem", "den", "der",
        "die", "e", "ein", "en", "er", "es", "fer", "ge", "gen", "got", "haf", "hat", "heit", "her", "ich",
        "in", "keit", "lich", "man", "mit", "ne", "nen", "nicht", "o", "rich", "sag", "sch", "sei", "sen",
        "sich", "sie", "so", "sol", "ste", "ten", "ter", "und", "ung", "ver", "vnd", "von", "vor", "wer",
        "wie", "wol", "zu",
    ),
})  # fmt: skip


def words(rng: np.random.Generator, count: int) -> str:
    """Return ``count`` made-up words."""
    parts = ["".join(rng.choice(_SYLLABLES, int(rng.integers(1, 4)))) for _ in range(count)]
    return " ".join(parts).capitalize()


def sentences(rng: np.random.Generator, count: int, tongue: str) -> list[str]:
    """Return ``count`` made-up words of a language (Latin, French or German), with the points between them."""
    syllables, made, capital = _TONGUES[tongue], [], False
    lengths, stops = rng.choice((1, 2, 3, 4), count, p=(0.3, 0.38, 0.24, 0.08)).tolist(), rng.random(count)
    for length, stop in zip(lengths, stops.tolist(), strict=True):
        word = "".join(syllables[place] for place in rng.integers(0, len(syllables), length).tolist())
        word = word.capitalize() if capital or stop > 0.94 else word
        capital = stop < 0.05
        made.append(word + ("." if capital else "," if stop < 0.12 else ":" if stop < 0.14 else ""))
    return made


def paper(shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """Return blank paper of ``shape``: white, cream, grey or tinted, with cloudy unevenness and grain."""
    size = (shape[0], shape[1])
    tints = ((250, 249, 246), (243, 236, 218), (229, 222, 205), (226, 226, 224), (205, 214, 205), (236, 205, 200))
    base = np.array(tints[int(rng.choice(len(tints), p=(0.3, 0.25, 0.15, 0.15, 0.08, 0.07)))], np.float32)
    base = base * np.float32(uniform(rng, 0.86, 1.02)) + rng.normal(0, 2.5, 3).astype(np.float32)
    rough = clouds(size, rng, period=max(size) / 2) * np.float32(uniform(rng, 1, 7))
    rough += grain(size, rng, uniform(rng, 0.5, 3.5))
    return to_pixels(base + rough[..., None])


def lettering(text: str, height: float, *, width_limit: int = 4000) -> Field:
    """Return printed text as an alpha mask: float32 (h, w) in 0..1, letters about ``height`` px tall."""
    font = ImageFont.load_default(size=max(6.0, height * 1.25))
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font=font)
    image = Image.new("L", (min(width_limit, int(right - left) + 6), int(bottom - top) + 6), 0)
    ImageDraw.Draw(image).text((3 - left, 3 - top), text, fill=255, font=font)
    return np.asarray(image, np.float32) / np.float32(255)


def scribble(rng: np.random.Generator, *, width: int, height: float, pen: float = 1.6) -> Field:
    """Return one line of cursive-like pen strokes as an alpha mask, float32 (about 3 ``height``, ``width``).

    Loops run along the line: letters are turns of a circle that moves on, with ascenders, descenders and word gaps.
    """
    rows = int(height * 3.2) + 8
    image = np.zeros((rows * 4, max(16, width) * 4), np.uint8)
    x, base = height * 0.4, rows * 0.55
    slant = uniform(rng, 0.1, 0.6)
    while x < width - height:
        letters = int(rng.integers(2, 9))
        t = np.linspace(0, letters * 2 * np.pi, letters * 14)
        tall = np.repeat(np.where(rng.random(letters) < 0.25, rng.uniform(1.6, 2.6, letters), 1.0), 14)
        down = np.repeat(np.where(rng.random(letters) < 0.1, 1.2, 0.0), 14)
        pace = np.repeat(rng.uniform(0.35, 0.75, letters), 14) * height / 14
        ys = base - height * (0.5 - 0.5 * np.cos(t)) * tall + height * 0.8 * down * (0.5 + 0.5 * np.sin(t))
        xs = x + np.cumsum(pace) + height * 0.28 * np.sin(t) + (base - ys) * slant
        points = np.stack([np.clip(xs, 0, width - 2), np.clip(ys, 1, rows - 2)], axis=1) * 4
        cv2.polylines(image, [points.astype(np.int32)], False, 255, max(2, int(pen * 4)), cv2.LINE_AA)
        x += float(pace.sum()) + height * uniform(rng, 0.4, 1.1)
    small = cv2.resize(image, (max(16, width), rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def figures(rng: np.random.Generator, text: str, height: float) -> Field:
    """Return written figures as an alpha mask about ``height`` px tall: single strokes, sheared, bent and uneven."""
    font = (cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)[
        int(rng.integers(3))
    ]
    rows, columns = 150, 60 + 62 * len(text)
    image = np.zeros((rows, columns), np.uint8)
    x = 24
    for letter in text:
        thick = int(rng.integers(4, 8))
        size = uniform(rng, 2.0, 2.7)
        cv2.putText(image, letter, (x, int(105 + rng.normal(0, 5))), font, size, 255, thick, cv2.LINE_AA)
        x += int(uniform(rng, 34, 54))
    shear = np.array([[1, -uniform(rng, -0.1, 0.45), 30], [uniform(rng, -0.08, 0.08), 1, 0]], np.float32)
    image = cv2.warpAffine(image, shear, (columns, rows))
    bend_x, bend_y = (clouds((rows, columns), rng, period=50, octaves=2) * 8 for _ in range(2))
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    image = cv2.remap(image, xs + bend_x, ys + bend_y, cv2.INTER_LINEAR)
    left, top, width, tall = cv2.boundingRect((image > 30).astype(np.uint8))
    cut = image[top : top + max(4, tall), left : left + max(4, width)]
    scale = height / cut.shape[0]
    small = cv2.resize(cut, (max(3, round(cut.shape[1] * scale)), max(4, round(height))), interpolation=cv2.INTER_AREA)
    return np.clip(np.asarray(small, np.float32) / np.float32(255) * 1.25, 0, 1)


def _page(rng: np.random.Generator) -> tuple[Field, int, int]:
    return paper(_SHAPE, rng).astype(np.float32), *_SHAPE


def written_page(rng: np.random.Generator) -> Pixels:
    """Return a page of scribbled lines."""
    page, height, width = _page(rng)
    colour = (30.0, 35.0, uniform(rng, 40, 120))
    size = uniform(rng, 9, 14)
    for y in range(70, height - 90, int(size * uniform(rng, 3.2, 4.0))):
        line = scribble(rng, width=int(width * uniform(rng, 0.5, 0.82)), height=size)
        rows, columns = slice(y, y + line.shape[0]), slice(60, 60 + line.shape[1])
        page[rows, columns] = ink(page[rows, columns], line[: height - y] * 0.85, colour)
    return to_pixels(page)


def typed_page(rng: np.random.Generator) -> Pixels:
    """Return a page of printed lines."""
    page, height, width = _page(rng)
    size = uniform(rng, 8, 11)
    for y in range(80, height - 100, int(size * uniform(rng, 1.9, 2.6))):
        if chance(rng, 0.12):
            continue
        line = lettering(words(rng, int(rng.integers(5, 12))), size, width_limit=width - 120)
        rows, columns = slice(y, y + line.shape[0]), slice(60, 60 + line.shape[1])
        page[rows, columns] = ink(page[rows, columns], line * 0.9, (35, 33, 32))
    return to_pixels(page)
