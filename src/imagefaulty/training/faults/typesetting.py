"""Type set from nothing: typewriter, book, newspaper, receipt, title page, in faces that no scan at hand has."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagefaulty.training.faults.compositing import chance, clouds, soften, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.stand_ins import words

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
#: Faces that come with Matplotlib, which the extra `train` brings for its charts; Pillow's own stands in for them.
_BOOK: Final = ("DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralBol", "DejaVuSans", "DejaVuSans-Bold")
_ITALIC: Final = ("DejaVuSerif-Italic", "STIXGeneralItalic", "STIXGeneralBolIta", "DejaVuSans-Oblique")
_MONO: Final = ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique")
LAYOUTS: Final = ("typed", "book", "columns", "receipt", "title", "list")


@functools.cache
def _directory() -> Path | None:
    try:
        import matplotlib as mpl  # noqa: PLC0415  (of the extra `train`; drawing works without it)
    except ImportError:
        return None
    return Path(mpl.get_data_path()) / "fonts" / "ttf"


@functools.lru_cache(maxsize=256)
def font_of(name: str, size: int) -> Font:
    """Return a face by the name of its file, or Pillow's own where there is none of that name."""
    directory = _directory()
    path = directory / f"{name}.ttf" if directory else None
    return ImageFont.truetype(str(path), size) if path and path.is_file() else ImageFont.load_default(size=size)


def face(rng: np.random.Generator, size: float, *, mono: bool = False) -> Font:
    """Choose a face of about ``size`` px: upright or italic, with or without serifs; or of one width."""
    names = _MONO if mono else _ITALIC if chance(rng, 0.3) else _BOOK
    return font_of(str(rng.choice(names)), max(5, round(size)))


def set_line(text: str, font: Font) -> Field:
    """Set one line of type: float32 (h, w) in 0..1, cut to its extent with 2 px to spare."""
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.asarray(image, np.float32) / np.float32(255)


def has_faces() -> bool:
    """Whether Matplotlib's faces are at hand; without them Pillow's own stands for all, which is roman only."""
    return _directory() is not None


def typeset(rng: np.random.Generator, layout: str, *, width: int, height: int) -> Field:
    """Set a page of made-up text.

    Args:
        rng: Source of chance.
        layout: One of :data:`LAYOUTS`.
        width: Width of the page in px; type is of the size that it has on a page of 740 px.
        height: Height in px.

    Returns:
        float32 (height, width) alpha, worn or blurred as type is.
    """
    image = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(image)
    {"typed": _typed, "book": _book, "columns": _columns, "receipt": _receipt, "title": _title, "list": _listed}[
        layout
    ](pen, rng, width, height)
    alpha = np.asarray(image, np.float32) / np.float32(255)
    if chance(rng, 0.5):
        alpha = soften(alpha, uniform(rng, 0.35, 0.7))
    wear = 1 - uniform(rng, 0.0, 0.5) * np.clip(clouds((height, width), rng, period=uniform(rng, 12, 200)), 0, 1)
    return np.clip(alpha * uniform(rng, 1.0, 1.5) * wear, 0, 1).astype(np.float32)


def _lines(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int], font: Font, pitch: float
) -> None:
    """Fill a box (left, top, right, bottom) with lines in paragraphs."""
    left, top, right, bottom = box
    letters = max(4, int((right - left) / max(2.0, font.getlength("etaoin ") / 7)))
    y = float(top)
    while y + pitch < bottom:
        last = chance(rng, 0.14)
        text = words(rng, letters // 4 + 1)
        text = (text if chance(rng, 0.3) else text.lower())[: int(letters * (uniform(rng, 0.2, 0.8) if last else 1))]
        while text and font.getlength(text) > right - left:
            text = text[:-1]
        indent = int(pitch * 1.5) if chance(rng, 0.1) else 0
        pen.text((left + indent, y), text[: len(text) - indent // 8], fill=255, font=font)
        y += pitch * (uniform(rng, 1.3, 2.2) if last and chance(rng, 0.5) else 1)


def _typed(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    """Strike a page letter by letter: uneven in force and on the line, ten or twelve to the inch."""
    size = uniform(rng, 10.5, 15) * width / 740
    font = face(rng, size, mono=True)
    step, pitch = font.getlength("n"), size * float(rng.choice((1.15, 1.6, 2.3)))
    left, y = width * uniform(rng, 0.08, 0.16), height * uniform(rng, 0.05, 0.2)
    end = height * (uniform(rng, 0.3, 0.7) if chance(rng, 0.3) else uniform(rng, 0.75, 0.96))
    force, restless = uniform(rng, 0, 0.45), uniform(rng, 0, 0.7)
    indent = 0.0
    while y < end:
        if chance(rng, 0.12):
            indent = width * float(rng.choice((0, 0, 0.06, 0.3, 0.45)))
            y += pitch * (chance(rng, 0.6))
        room = int((width * 0.92 - left - indent) / step)
        text = words(rng, room // 4 + 1)[: int(room * (uniform(rng, 0.3, 0.9) if chance(rng, 0.2) else 1))]
        text = text.upper() if chance(rng, 0.08) else text
        for number, letter in enumerate(text):
            at = (left + indent + number * step + rng.normal(0, restless / 3), y + rng.normal(0, restless / 2))
            pen.text(at, letter, fill=int(255 * (1 - force * rng.random())), font=font)
        y += pitch


def _book(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    size = uniform(rng, 10, 19) * width / 740
    font = face(rng, size)
    side = int(width * uniform(rng, 0.06, 0.18))
    top = int(height * uniform(rng, 0.06, 0.16))
    if chance(rng, 0.6):
        head = words(rng, int(rng.integers(1, 5)))
        pen.text((width / 2, top - size * 1.6), head.upper() if chance(rng, 0.6) else head, 255, font, anchor="ma")
    if chance(rng, 0.4):
        top += int(size * 2)
    bottom = int(height * uniform(rng, 0.8, 0.95))
    _lines(pen, rng, (side, top, width - side, bottom), font, size * uniform(rng, 1.15, 1.6))
    if chance(rng, 0.5):
        pen.text((width / 2, bottom + size), str(int(rng.integers(1, 600))), 255, font, anchor="ma")


def _columns(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    size = uniform(rng, 7, 12) * width / 740
    count = int(rng.integers(2, 6))
    side, gap = width * uniform(rng, 0.03, 0.1), width * uniform(rng, 0.015, 0.04)
    wide = (width - 2 * side - gap * (count - 1)) / count
    top = int(height * uniform(rng, 0.04, 0.2))
    if top > height * 0.1:
        pen.text((width / 2, height * 0.03), words(rng, 2)[:18], 255, face(rng, size * uniform(rng, 3, 5)), anchor="ma")
    font, pitch = face(rng, size), size * uniform(rng, 1.1, 1.4)
    for column in range(count):
        left = int(side + column * (wide + gap))
        y = top
        while y < height * 0.94:
            if chance(rng, 0.5):
                head = face(rng, size * uniform(rng, 1.3, 2.6))
                pen.text((left, y), words(rng, 2)[: max(3, int(wide / size / 1.2))], fill=255, font=head)
                y += int(size * 3.2)
            low = min(int(height * 0.95), y + int(height * uniform(rng, 0.08, 0.5)))
            _lines(pen, rng, (left, y, int(left + wide), low), font, pitch)
            y = low + int(size)
        if column and chance(rng, 0.5):
            pen.line([(left - gap / 2, top), (left - gap / 2, height * 0.95)], fill=200, width=1)


def _receipt(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    """Set a till slip: a heading in the middle, things with their prices, a total, thanks."""
    font = face(rng, width * uniform(rng, 0.034, 0.055), mono=chance(rng, 0.8))
    large = face(rng, width * uniform(rng, 0.05, 0.09), mono=chance(rng, 0.5))
    pitch, y = width * uniform(rng, 0.055, 0.08), height * uniform(rng, 0.02, 0.08)
    for line in range(int(rng.integers(3, 8))):
        pen.text((width / 2, y), words(rng, 3).upper()[:24], 255, large if line == 0 else font, anchor="ma")
        y += pitch * (1.5 if line == 0 else 1)
    while y < height * 0.86:
        if chance(rng, 0.1):
            pen.text((width * 0.06, y), "-" * 60, 255, font)
        else:
            thing = words(rng, 2)[:18]
            pen.text((width * 0.06, y), thing.upper() if chance(rng, 0.7) else thing, 255, font)
            pen.text((width * 0.94, y), f"{rng.gamma(1.5, 12):.2f}", 255, font, anchor="ra")
        y += pitch * (2 if chance(rng, 0.08) else 1)
    pen.text((width * 0.06, y), "TOTAL", 255, large)
    pen.text((width * 0.94, y), f"{rng.gamma(2, 40):.2f}", 255, large, anchor="ra")


def _title(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    y = height * uniform(rng, 0.08, 0.35)
    for _ in range(int(rng.integers(2, 9))):
        size = width * uniform(rng, 0.018, 0.085)
        text = words(rng, int(rng.integers(1, 4)))[: max(3, int(width * 0.8 / size / 0.6))]
        pen.text((width / 2, y), text.upper() if chance(rng, 0.5) else text, 255, face(rng, size), anchor="ma")
        y += size * uniform(rng, 1.5, 4)
        if y > height * 0.92:
            break


def _listed(pen: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    """Set lines with numbers: an inventory, an index, a table without rules."""
    size = uniform(rng, 9, 15) * width / 740
    font = face(rng, size, mono=chance(rng, 0.4))
    y = height * uniform(rng, 0.06, 0.2)
    stops = np.sort(rng.uniform(0.3, 0.92, int(rng.integers(1, 5)))) * width
    while y < height * 0.93:
        pen.text((width * 0.08, y), words(rng, 3)[: int(stops[0] / size / 0.62)], 255, font)
        for stop in stops:
            pen.text((stop, y), str(int(rng.gamma(1.2, 300))), 255, font)
        y += size * float(rng.choice((1.3, 1.3, 2)))
