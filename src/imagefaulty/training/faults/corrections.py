"""Typescripts that somebody went over with a pen: struck, bettered, bracketed, numbered, signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from imagefaulty.training.faults.compositing import chance, put, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.layers import Colour, Layers
from imagefaulty.training.faults.marks import stamp_mask
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.pens import Box, Writer, inks_for, ring, scrawl, strike, tick, trace
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.typescripts import Typescript, lifted_typescript, set_typescript

_BARE_SHARE: Final = 0.45  # of those typed here: the same, and nobody went over them (real ones abound)
_LIFTED_SHARE: Final = 0.45  # of the pages are of type lifted off real ones
_TRIES: Final = 3
_LEAST_PX: Final = 140
_STAMPED: Final = 0.25


def corrected(width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    """Type a page and go over it as its author, its reader or a clerk does; a quarter is left as typed.

    Args:
        width: Width of the paper in px.
        height: Height in px.
        materials: Where real type and real hands come from.
        rng: Source of chance.
    """
    page = _typed(width, height, materials, rng)
    reader = str(rng.choice(("author", "censor", "clerk"), p=(0.55, 0.25, 0.2)))
    inks = inks_for(_type_ink(rng), rng, like_type=0.35, copies=0.15 if reader == "author" else 0.6)
    written = np.zeros((height, width), np.float32)
    printed = page.print.copy()
    if chance(rng, _STAMPED):
        for _ in range(int(rng.integers(1, 3))):
            mark = stamp_mask(rng, int(width * uniform(rng, 0.1, 0.26)))
            put(printed, mark, height * uniform(rng, 0, 0.92), width * uniform(rng, 0.02, 0.75))
    rules = np.zeros_like(written)
    if not page.words or (page.detail != "lifted" and chance(rng, _BARE_SHARE)):
        return Layers(rules, printed, written, f"{page.detail}/as typed", inks=inks)
    writer = Writer.invented(materials, rng, capital=page.size * uniform(rng, 0.75, 1.25), thick=uniform(rng, 0.8, 1.8))
    if reader == "censor":
        _bracketed(written, printed, page, writer, rng)
    names = _FOOT if reader != "author" else tuple(_WRITES)
    shares = np.array([_WRITES[name][1] for name in names])
    for _ in range(_count(rng) if reader == "author" else int(rng.integers(1, 4))):
        name = str(rng.choice(names, p=shares / shares.sum()))
        _WRITES[name][0](written, printed, page, writer, rng)
    while np.count_nonzero(written > 0.4) < _LEAST_PX:  # less would hardly be seen
        _struck(written, printed, page, writer, rng)
    return Layers(rules, printed, written, f"{page.detail}/{reader}", inks=inks)


def _typed(width: int, height: int, materials: Materials, rng: np.random.Generator) -> Typescript:
    if materials.prints and chance(rng, _LIFTED_SHARE):
        for _ in range(_TRIES):
            found = lifted_typescript(width, height, materials, rng)
            if found is not None:
                return found
    return set_typescript(width, height, rng)


def _type_ink(rng: np.random.Generator) -> Colour:
    """A black ribbon's, a carbon's greys, or the blues and violets of ribbons and duplicators."""
    if chance(rng, 0.6):
        level = uniform(rng, 15, 100)
        return level, level, level * uniform(rng, 0.95, 1.15)
    level = uniform(rng, 50, 105)
    return level, level * uniform(rng, 0.75, 1.05), level * uniform(rng, 1.2, 1.7)


def _count(rng: np.random.Generator) -> int:
    """How many things an author betters: mostly few, at times the whole page."""
    low, high = ((1, 3), (3, 9), (9, 26))[int(rng.choice(3, p=(0.42, 0.36, 0.22)))]
    return int(rng.integers(low, high))


def _some(page: Typescript, rng: np.random.Generator) -> tuple[int, Box]:
    index = int(rng.integers(len(page.words)))
    return index, page.words[index]


def _run(page: Typescript, rng: np.random.Generator, count: Callable[[], int]) -> Box:
    """Return the place of a word and of those that follow it on its line, at most ``count()`` in all."""
    index, box = _some(page, rng)
    for other in page.words[index + 1 : index + count()]:
        if abs(other[1] - box[1]) < 0.4 * page.size and other[0] > box[0]:
            box = (box[0], box[1], other[2], box[3])
    return box


def _above(written: Field, box: Box, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Write a word or two above ``box``, between the lines."""
    left = box[0] + (box[2] - box[0]) * uniform(rng, -0.3, 0.5)
    for _ in range(int(rng.choice((1, 1, 2, 3)))):
        word = writer.word(words(rng, 1).lower()[:9], rng, most=0.25 * written.shape[1])
        base = box[1] + page.size * uniform(rng, -0.15, 0.2)
        put(written, word, base - word.shape[0] * 0.85, left)
        left += word.shape[1] + 0.5 * page.size


def _struck(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Strike out one to four words of a line; mostly others are written above."""
    del printed
    box = _run(page, rng, lambda: int(rng.choice((1, 1, 2, 4))))
    strike(written, box, writer.thick, rng)
    if chance(rng, 0.7):
        _above(written, box, page, writer, rng)


def _inserted(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Insert a word above a caret, or above a stroke between two words."""
    del printed
    _, box = _some(page, rng)
    x, y, half = box[2] + 0.3 * page.size, box[3], page.size * uniform(rng, 0.2, 0.45)
    if chance(rng, 0.6):
        trace(written, [(x - half, y + half), (x, y - half), (x + half, y + half)], writer.thick, rng)
    else:
        trace(written, [(x - 0.3 * half, y), (x, box[1]), (x + half, box[1] - half)], writer.thick, rng)
    _above(written, (x, box[1], x + 2 * half, y), page, writer, rng)


def _overwritten(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Write one to three letters over typed ones, heavily."""
    del printed
    _, box = _some(page, rng)
    letters = writer.spell(words(rng, 1).lower()[: int(rng.integers(1, 4))], rng)
    at = box[0] + max(0.0, box[2] - box[0] - letters.shape[1]) * uniform(rng, 0, 1)
    put(written, letters, box[3] - letters.shape[0] - 0.1 * page.size, at)


def _instead(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Write into the line, where the typist left room."""
    box = _run(page, rng, lambda: int(rng.integers(1, 3)))
    pad = int(0.15 * page.size)
    printed[max(0, int(box[1]) - pad) : int(box[3]) + pad, max(0, int(box[0]) - 1) : int(box[2]) + 1] = 0
    word = writer.word(words(rng, 1).lower()[:10], rng, most=max(12.0, box[2] - box[0]))
    put(written, word, box[3] - word.shape[0] * 0.9, box[0])


def _in_margin(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Mark a line in the margin: a stroke beside several, a cross, a question mark, a sign to delete, a tick."""
    del printed
    _, box = _some(page, rng)
    width, size = written.shape[1], page.size
    edge = min(word[0] for word in page.words) if chance(rng, 0.6) else max(word[2] for word in page.words) + 3 * size
    x, y = float(np.clip(edge - uniform(rng, 1, 3) * size, 4, width - 2 * size)), box[1]
    kind = str(rng.choice(("line", "cross", "sign", "delete", "tick"), p=(0.3, 0.15, 0.2, 0.15, 0.2)))
    if kind == "line":
        down = size * uniform(rng, 2, 12)
        path = np.stack([x + rng.normal(0, 0.1 * size, 5), y + np.linspace(0, down, 5)], axis=1)
        trace(written, path, writer.thick, rng)
    elif kind == "cross":
        trace(written, [(x, y), (x + size, y + size)], writer.thick, rng)
        trace(written, [(x + size, y), (x, y + size)], writer.thick, rng)
    elif kind == "sign":
        put(written, writer.spell(str(rng.choice(("?", "N", "A", "1", "2", "ok", "no", "x"))), rng), y, x)
    elif kind == "delete":
        shape = np.array([(0, 1), (0.5, 0.2), (0.9, 0), (0.9, 0.4), (0.4, 0.6), (0.5, 0.9), (1.2, 0.9)])
        trace(written, shape * (1.3 * size) + (x, y), writer.thick, rng)
    else:
        tick(written, (x, y), size * uniform(rng, 0.8, 1.5), writer.thick, rng)


def _noted(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Write some words in the margin, one under the other, or along the foot."""
    del printed
    height, width = written.shape
    left = min(word[0] for word in page.words)
    in_margin = left > 0.1 * width and chance(rng, 0.6)
    x, y = (4.0, height * uniform(rng, 0.1, 0.8)) if in_margin else (left, height * uniform(rng, 0.86, 0.95))
    for _ in range(int(rng.integers(2, 7))):
        word = writer.word(words(rng, 1).lower()[:9], rng, most=left - 8 if in_margin else 0.25 * width)
        put(written, word, min(y, height - word.shape[0] - 3), x)
        x, y = (x, y + 1.1 * word.shape[0]) if in_margin else (x + word.shape[1] + 0.6 * page.size, y)


def _ringed(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Ring a word, at times with a tail towards the margin."""
    del printed
    _, box = _some(page, rng)
    ring(written, box, writer.thick, rng)
    if chance(rng, 0.3):
        end = (box[0] - page.size * uniform(rng, 2, 8), box[1] - page.size * uniform(rng, -3, 3))
        path = [(box[0] - 4, box[1]), ((box[0] + end[0]) / 2, (box[1] + end[1]) / 2 + rng.normal(0, 4)), end]
        trace(written, np.clip(path, 2, None), writer.thick, rng)


def _crossed(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Strike several lines out, one by one or all at once with crossed strokes."""
    del printed
    left, right = min(word[0] for word in page.words), max(word[2] for word in page.words)
    _, box = _some(page, rng)
    lines = int(rng.integers(2, 7))
    foot = min(box[1] + lines * page.pitch, written.shape[0] - 3.0)
    if chance(rng, 0.5):
        for y in np.arange(box[1], foot, page.pitch):
            strike(written, (left, float(y), right * uniform(rng, 0.7, 1), float(y) + page.size), writer.thick, rng)
        return
    trace(written, [(left, box[1]), ((left + right) / 2, (box[1] + foot) / 2 + 3), (right, foot)], writer.thick, rng)
    if chance(rng, 0.6):
        trace(written, [(right, box[1]), ((left + right) / 2, (box[1] + foot) / 2), (left, foot)], writer.thick, rng)


def _numbered(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Number the page in a corner, at times in a ring; or a date, or a file's number, at the head or the foot."""
    del printed, page
    height, width = written.shape
    first, second = int(rng.integers(1, 300)), int(rng.integers(1, 90))
    shown = (str(first), str(second), f"{second}-{first}", f"{first}{second}{first}")[int(rng.choice(4))]
    figures = writer.spell(shown, rng)
    x = width * float(rng.choice((0.05, 0.5, 0.85)))
    y = height * (uniform(rng, 0.01, 0.06) if chance(rng, 0.75) else uniform(rng, 0.9, 0.96))
    put(written, figures, y, x)
    if chance(rng, 0.35):
        ring(written, (x, y, x + figures.shape[1], y + figures.shape[0]), writer.thick, rng)


def _initialled(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Leave initials and a stroke in a lower corner, aslant, or at the head."""
    del printed
    height, width = written.shape
    wide, tall = page.size * uniform(rng, 1.4, 3.2), page.size * uniform(rng, 1.2, 2.4)
    x = width * (uniform(rng, 0.02, 0.1) if chance(rng, 0.6) else uniform(rng, 0.75, 0.9))
    y = height * (uniform(rng, 0.88, 0.95) if chance(rng, 0.75) else uniform(rng, 0.02, 0.1))
    if chance(rng, 0.5):
        put(written, writer.spell("".join(rng.choice(list("ABCDEFGHJKLMPRSTWV"), 2)), rng), y, x)
        trace(written, [(x + 0.3 * wide, y + tall), (x + 0.6 * wide, y - 0.2 * tall)], writer.thick, rng)
    else:
        scrawl(written, (x, y, x + wide, y + tall), writer.thick, rng)


def _signed(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Sign beneath the text, or above a name that is typed last."""
    del printed
    _, _, right, foot = page.words[-1]
    height, width = written.shape
    wide, tall = width * uniform(rng, 0.13, 0.32), page.size * uniform(rng, 1.6, 4)
    x = min(width - wide - 4, right * uniform(rng, 0.4, 1.0))
    y = min(height - tall - 4, foot + page.size * uniform(rng, -3, 1.5))
    if chance(rng, 0.4):
        put(written, writer.word(words(rng, 1), rng, most=wide), y, x)
    else:
        scrawl(written, (x, y, x + wide, y + tall), writer.thick, rng)


def _bracketed(written: Field, printed: Field, page: Typescript, writer: Writer, rng: np.random.Generator) -> None:
    """Bracket names that are not to be printed, and write the number of the reason above each."""
    del printed
    reasons = [f"{int(value):02}" for value in rng.integers(1, 40, 3)]
    size, over, round_ones = page.size, page.size * uniform(rng, 0.15, 0.45), chance(rng, 0.3)
    for index in rng.choice(len(page.words), min(len(page.words), int(rng.integers(1, 16))), replace=False):
        left, top, right, foot = page.words[int(index)]
        for x, way in ((left - 0.2 * size, 1), (right + 0.2 * size, -1)):
            lip = 0.35 * size * way
            middle = [(x - 0.4 * lip, (top + foot) / 2)] if round_ones else [(x, top - over), (x, foot + over)]
            path = [(x + lip, top - over), *middle, (x + lip, foot + over)]
            trace(written, np.array(path) + rng.normal(0, 0.06 * size, (len(path), 2)), writer.thick, rng)
        if chance(rng, 0.6):
            figures = writer.spell(str(rng.choice(reasons)), rng)
            put(written, figures, top - figures.shape[0] * uniform(rng, 0.7, 1.2), uniform(rng, left, right))


_Writes = Callable[[Field, Field, Typescript, Writer, np.random.Generator], None]
#: What is written, and how often.
_WRITES: Final[Mapping[str, tuple[_Writes, float]]] = MappingProxyType({
    "struck": (_struck, 0.3), "inserted": (_inserted, 0.14), "overwritten": (_overwritten, 0.12),
    "instead": (_instead, 0.1), "margin": (_in_margin, 0.1), "noted": (_noted, 0.06), "ringed": (_ringed, 0.05),
    "crossed": (_crossed, 0.03), "numbered": (_numbered, 0.06), "initialled": (_initialled, 0.05),
    "signed": (_signed, 0.05),
})  # fmt: skip
#: What is left by those who correct nothing.
_FOOT: Final = ("numbered", "initialled", "signed", "margin", "noted", "ringed")
