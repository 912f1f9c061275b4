"""Whole pages of early printing: set from letters that are all alike, on straight lines, between straight margins.

Medieval book hands are as even as type, so a model that sees many of them may take old type for a hand. These pages are
what such type looks like: worn and unevenly inked, on old leaves, with initials, marginal notes and red, but cast.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, clouds, grain, put, soften, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.founts import Fount, Style, fount, is_black_letter, second_style, some_style
from imagefaulty.training.faults.stand_ins import sentences
from imagefaulty.training.faults.woodcuts import brass_rule, woodcut

_FLOURISHES: Final = "\u2766\u2767\u2740\u2720\u271a"
_LAYOUTS: Final = ("prose", "verse", "columns", "list", "table", "title", "picture", "comment")
_LAYOUT_SHARES: Final = (0.26, 0.15, 0.15, 0.16, 0.06, 0.08, 0.06, 0.08)
_RED_SHARE: Final = 0.17  # of the pages are printed in red and black, or have their capitals touched with red

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class EarlyPrint:
    """What is on a leaf, each float32 of the leaf's size in px, 0..1.

    Attributes:
        text: Type, ornaments, cuts and rules: all that is printed in black.
        red: What is printed in red.
        back: What shows through of the other side.
        detail: For people.
    """

    text: Field
    red: Field
    back: Field
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class _Forme:
    """A page being set.

    Attributes:
        text: Takes what is black.
        red: Takes what is red.
        box: Of the text: left, top, right, bottom in px.
        pitch: From line to line, px.
        style: Of the type.
        body: What the text is set in.
        small: What notes are set in.
        tongue: What the words sound like, Latin, French or German.
        shortens: Whether strokes stand for letters that are left out.
        reddens: Whether the page is printed in red as well.
    """

    text: Field
    red: Field
    box: _Box
    pitch: float
    style: Style
    body: Fount
    small: Fount
    tongue: str
    shortens: bool
    reddens: bool

    def layer(self, rng: np.random.Generator, share: float = 0.5) -> Field:
        """Choose where a heading or an initial goes."""
        return self.red if self.reddens and chance(rng, share) else self.text

    def large(self, rng: np.random.Generator, size: float, *, plain: bool = False) -> Fount:
        """Cast a fount for a heading; ``plain`` is roman whatever the page is set in."""
        style: Style = "roman" if plain and self.style != "modern" else second_style(rng, self.style)
        return fount(rng, style, size, bold=chance(rng, 0.5), like=self.body)

    def words(self, rng: np.random.Generator, count: int) -> list[str]:
        """Make words up, with points, and shortened at times as scribes did."""
        made = sentences(rng, count, self.tongue)
        if not self.shortens:
            return made
        return [word.replace("um", "\u0169").replace("em", "\u0113").replace("on", "\u00f5") if chance(rng, 0.4)
                else "&" if word == "et" else word for word in made]  # fmt: skip

    def phrase(self, rng: np.random.Generator, low: int, high: int) -> str:
        """Return some words that begin with a capital."""
        return " ".join(self.words(rng, int(rng.integers(low, high + 1)))).strip(",.:").capitalize()


def early_print(width: int, height: int, rng: np.random.Generator) -> EarlyPrint:
    """Print a leaf: prose, verse, columns, a list, a table, a title, a picture or a text with a commentary.

    Args:
        width: Of the leaf, px.
        height: Of the leaf, px.
        rng: Source of chance.
    """
    layout = str(rng.choice(_LAYOUTS, p=_LAYOUT_SHARES))
    forme = _forme(layout, width, height, rng)
    _SET[layout](forme, rng)
    if layout != "title":
        _head_and_foot(forme, rng)
    text, red = _pressed([forme.text, forme.red], rng)
    back = np.zeros((height, width), np.float32)
    if chance(rng, 0.6):  # of the other side, whose lines back these ones
        moved = np.roll(forme.text[:, ::-1], (int(rng.integers(-6, 7)), int(rng.integers(-20, 21))), (0, 1))
        back = soften(np.ascontiguousarray(moved), uniform(rng, 0.9, 2.4)) * uniform(rng, 0.04, 0.2)
    return EarlyPrint(text, red, np.asarray(back, np.float32), f"{forme.style}, {layout}")


def _forme(layout: str, width: int, height: int, rng: np.random.Generator) -> _Forme:
    """Choose a page's margins, type and language."""
    dense = layout in {"list", "table"}
    style = some_style(rng)
    if dense and (is_black_letter(style) or chance(rng, 0.4)):
        style = "modern"
    top, bottom = height * uniform(rng, 0.06, 0.16), height * uniform(rng, 0.78, 0.95)
    left, right = width * uniform(rng, 0.06, 0.24), width * uniform(rng, 0.76, 0.95)
    lines = {"columns": (34, 66), "list": (42, 68), "table": (34, 60), "title": (24, 36), "picture": (24, 40),
             "comment": (24, 38)}.get(layout, (23, 46))  # fmt: skip
    pitch = (bottom - top) / uniform(rng, *lines)
    body = fount(rng, style, max(6.5, pitch / uniform(rng, 0.98, 1.24)))
    small = fount(rng, second_style(rng, style), max(5.5, body.size * uniform(rng, 0.62, 0.8)), like=body)
    tongue = {"fraktur": "German", "textura": "Latin"}.get(style, "Latin" if chance(rng, 0.5) else "French")
    shortens = tongue == "Latin" and style in {"roman", "italic"} and chance(rng, 0.4)
    text, red = (np.zeros((height, width), np.float32) for _ in range(2))
    return _Forme(text, red, (left, top, right, bottom), pitch, style, body, small, tongue, shortens,
                  chance(rng, _RED_SHARE))  # fmt: skip


def _pressed(layers: Sequence[Field], rng: np.random.Generator) -> list[Field]:
    """Press the forme: ink squeezed beyond the letters or short of them, worn edges, one part blacker than another."""
    shape = (layers[0].shape[0], layers[0].shape[1])
    squeeze, dark = uniform(rng, 0.3, 0.65), uniform(rng, 0.8, 1.3)
    broken = 1 - np.clip(grain(shape, rng, uniform(rng, 0.05, 0.35)) - 0.1, 0, 0.8)
    if chance(rng, 0.5):
        broken *= 1 - uniform(rng, 0.1, 0.45) * np.clip(clouds(shape, rng, period=uniform(rng, 5, 30), octaves=1), 0, 1)
    uneven = 1 - uniform(rng, 0.0, 0.4) * np.clip(clouds(shape, rng, period=uniform(rng, 80, 500), octaves=2), 0, 1)
    worn = np.asarray(broken * uneven, np.float32)
    soft = [soften(layer, squeeze) for layer in layers]
    inked = soft[0][soft[0] > 0.15][::7]
    # Small type of thin strokes is inked as black as any other, though its strokes are less than a pixel broad.
    gain = dark / float(np.percentile(inked, 75)) if len(inked) else 1.0
    return [np.clip(layer * gain * worn, 0, 1).astype(np.float32) for layer in soft]


def _set(
    forme: _Forme, type_: Fount, box: _Box, pitch: float, rng: np.random.Generator, *, ragged: bool = False
) -> float:
    """Set paragraphs into a box, justified; return where the next line would be."""
    left, y, right, bottom = box
    room, words, indent, indented = right - left, forme.words(rng, 60), 0.0, 0
    hyphen = "=" if is_black_letter(forme.style) else "-"
    initials, breaks, last = uniform(rng, 0, 0.2), uniform(rng, 0, 0.1), False
    # Lines that an initial, about as broad, is high.
    highest = int(min(6, 0.45 * room / pitch, (bottom - y) / pitch - 1))
    if highest > 1 and chance(rng, 0.25):
        indented = int(rng.integers(2, highest + 1))
        indent = _initial(forme, (left, y, room * 0.5, pitch * indented), rng)
    while y + type_.rows * 0.7 < bottom:
        here = left + (indent if indented > 0 else 0)
        begins = last and indented <= 0
        if begins and highest > 2 and chance(rng, initials) and y + 4 * pitch < bottom:
            indented = int(rng.integers(2, 4))
            indent = _initial(forme, (left, y, room * 0.5, pitch * indented), rng)
            here = left + indent
        elif begins:
            here += type_.size * uniform(rng, 0.9, 1.1)
        last = chance(rng, breaks)
        line, words = _broken(type_, words, (right - here) * (uniform(rng, 0.2, 0.9) if last else 1), hyphen)
        width = 0.0 if last or ragged else right - here - 3
        put(forme.layer(rng, 0.06), type_.line(line, rng, width=width), y, here)
        words = words if len(words) > 24 else words + forme.words(rng, 60)
        indented -= 1
        y += pitch
    return y


def _broken(type_: Fount, words: list[str], room: float, hyphen: str) -> tuple[str, list[str]]:
    """Take as many words as a line holds, the last one divided where it is long; return the others as well."""
    space, length, taken = type_.length(" "), 0.0, 0
    while taken < len(words) - 1:
        more = type_.length(words[taken]) + (space if taken else 0)
        if length + more > room - 3:
            break
        length += more
        taken += 1
    line, others = words[:taken], words[taken:]
    spare, long = room - length - space - 3, others[0]
    for cut in range(len(long) - 2, 1, -1):
        if type_.length(long[:cut] + hyphen) < spare:
            return " ".join([*line, long[:cut] + hyphen]), [long[cut:], *others[1:]]
    return (" ".join(line), others) if line else (long[:4], others[1:])


def _centred(forme: _Forme, line: Field, y: float, layer: Field) -> None:
    """Put a line in the middle of the page's text, cut to the leaf."""
    left, _, right, _ = forme.box
    put(layer, line, y, max(2, (left + right - line.shape[1]) / 2))


def _title_line(forme: _Forme, size: float, rng: np.random.Generator, *, low: int = 1, high: int = 4) -> Field:
    """Set a centred line in capitals, small letters or italics, no longer than the text is broad."""
    capitals = chance(rng, 0.5)
    type_ = forme.large(rng, size, plain=capitals)
    text, spaced = forme.phrase(rng, low, high), 0.0
    if capitals and not is_black_letter(forme.style):
        text, spaced = text.upper().replace("U", "V"), uniform(rng, 0.0, 0.25)
    room = forme.box[2] - forme.box[0]
    while len(text) > 3 and type_.length(text, spaced=spaced) > room:
        text = text[:-1]
    return type_.line(text, rng, spaced=spaced)


def _head_and_foot(forme: _Forme, rng: np.random.Generator) -> None:
    """Set a running head with the number of the page, and a signature and a catchword below."""
    left, top, right, bottom = forme.box
    y = top - forme.pitch * uniform(rng, 1.3, 2.0)
    number = str(int(rng.integers(2, 700)))
    if chance(rng, 0.75):
        head = _title_line(forme, forme.body.size * uniform(rng, 0.9, 1.4), rng, high=3)
        _centred(forme, head, y, forme.layer(rng, 0.3))
        if chance(rng, 0.2):
            brass_rule(forme.text, (left, y + head.shape[0] + 1), (right, y + head.shape[0] + 1), rng)
    elif chance(rng, 0.4):
        _centred(forme, forme.body.line(f"( {number} )" if chance(rng, 0.5) else f"- {number} -", rng), y, forme.text)
    if chance(rng, 0.6):
        placed = forme.body.line(number, rng)
        put(forme.text, placed, y, right - placed.shape[1] if chance(rng, 0.5) else left)
    y = bottom + forme.pitch * uniform(rng, 0.0, 0.4)
    if chance(rng, 0.5):
        signature = f"{'ABCDEFGHKLM'[int(rng.integers(11))]} {('', 'ij', 'iij', '2', '3')[int(rng.integers(5))]}"
        put(forme.text, forme.body.line(signature, rng), y, left + (right - left) * uniform(rng, 0.45, 0.75))
    if chance(rng, 0.55):
        word = forme.body.line(forme.words(rng, 1)[0][:6], rng)
        put(forme.text, word, y, right - word.shape[1])


def _initial(forme: _Forme, box: _Box, rng: np.random.Generator) -> float:
    """Set an initial at a corner (left, top, greatest width, height): cut in wood, plain, or a small guide letter.

    Returns:
        Room that the lines beside it leave, px.
    """
    left, top, most, height = box
    letter = "ABCDEFGHILMNOPQRSTV"[int(rng.integers(19))]
    kind = str(rng.choice(("cut", "plain", "guide"), p=(0.45, 0.45, 0.1)))
    if kind == "guide":
        put(forme.text, forme.body.line(letter.lower(), rng), top + height / 3, left + height / 3)
        return min(most, height * 0.9)
    square = height - forme.pitch * 0.12
    drawn = forme.large(rng, square * (1.0 if kind == "cut" else 1.35), plain=not chance(rng, 0.3)).line(letter, rng)
    rows, columns = np.flatnonzero(drawn.max(axis=1) > 0.3), np.flatnonzero(drawn.max(axis=0) > 0.3)
    drawn = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    layer = forme.layer(rng, 0.6)
    if kind == "plain":
        put(layer, drawn, top + forme.body.base * 0.3, left)
        return min(most, drawn.shape[1] + forme.body.size * 0.3)
    ground = woodcut(int(square), int(square), rng)
    dark = chance(rng, 0.5)
    ground = ground if not dark else np.clip(1.1 - 0.8 * ground, 0, 1)
    cv2.rectangle(ground, (0, 0), (ground.shape[1] - 1, ground.shape[0] - 1), 1.0, 1)
    inside = np.zeros_like(ground)
    put(inside, drawn, (square - drawn.shape[0]) / 2, (square - drawn.shape[1]) / 2)
    near = cv2.dilate(inside, np.ones((3, 3), np.uint8))
    put(layer, np.asarray(ground * (1 - near) + (0 if dark else 1) * inside, np.float32), top, left)
    return min(most, square + forme.body.size * 0.4)


def _ornament(forme: _Forme, y: float, rng: np.random.Generator) -> float:
    """Put an ornament across the page: a headpiece, a vignette, flowers in a row, a rule; return its height."""
    left, _, right, _ = forme.box
    kind, wide = str(rng.choice(("band", "vignette", "flowers", "rule"))), right - left
    if kind == "rule":
        side = wide * uniform(rng, 0, 0.4)
        brass_rule(forme.text, (left + side, y + 2), (right - side, y + 2), rng)
        return forme.pitch
    if kind == "flowers":
        sign, type_ = _FLOURISHES[int(rng.integers(len(_FLOURISHES)))], fount(rng, "flowers", forme.body.size)
        count = int(rng.integers(1, max(2, int(wide / type_.length(sign)))))
        _centred(forme, type_.line(sign * count, rng), y, forme.layer(rng))
        return float(type_.rows)
    rows = wide * (uniform(rng, 0.05, 0.14) if kind == "band" else uniform(rng, 0.12, 0.3))
    columns = wide if kind == "band" else rows * uniform(rng, 0.9, 1.8)
    cut = woodcut(int(rows), int(columns), rng, mirrored=True)
    if kind == "vignette":
        across = np.abs(np.linspace(-1, 1, cut.shape[1]))[None]
        down = np.linspace(0, 1, cut.shape[0])[:, None]
        cut = np.asarray(cut * (across < 1 - down * uniform(rng, 0.2, 1)), np.float32)
    _centred(forme, cut, y, forme.text)
    return rows


def _prose(forme: _Forme, rng: np.random.Generator) -> None:
    """One column; at times a heading over it, an ornament, and notes in the margin."""
    left, y, right, bottom = forme.box
    if chance(rng, 0.25):
        y += _ornament(forme, y, rng) + forme.pitch * 0.4
    for _ in range(int(rng.integers(1, 4)) if chance(rng, 0.3) else 0):
        head = _title_line(forme, forme.body.size * uniform(rng, 0.9, 2.0), rng, high=6)
        _centred(forme, head, y, forme.layer(rng))
        y += head.shape[0] * 1.02
    if chance(rng, 0.2):
        bottom -= (bottom - y) * uniform(rng, 0.1, 0.6)
        _ornament(forme, bottom + forme.pitch, rng)
    _set(forme, forme.body, (left, y, right, bottom), forme.pitch, rng)
    if chance(rng, 0.3):
        _notes(forme, rng)


def _notes(forme: _Forme, rng: np.random.Generator) -> None:
    """Set short lines in small type into a margin."""
    left, top, right, bottom = forme.box
    leaf = forme.text.shape[1]
    gap = forme.body.size * 0.5
    start, end = (right + gap, leaf - 4.0) if leaf - right > left else (4.0, left - gap)
    if end - start < forme.small.size * 3:
        return
    y, pitch = uniform(rng, top, top + (bottom - top) * 0.3), forme.small.size * 1.1
    while y < bottom - pitch:
        low = min(bottom, y + pitch * int(rng.integers(1, 8)))
        words = forme.words(rng, 30)
        while y < low:
            line, words = _broken(forme.small, words, min(end - start, forme.small.size * 8), "-")
            put(forme.text, forme.small.line(line, rng), y, start)
            y += pitch
        y += pitch * uniform(rng, 2, 14)


def _verse(forme: _Forme, rng: np.random.Generator) -> None:
    """Lines of their own length, every other one indented at times, capitals touched with red now and then."""
    left, y, right, bottom = forme.box
    indent = forme.body.size * uniform(rng, 1, 2) if chance(rng, 0.5) else 0.0
    touched, length, stanza = chance(rng, 0.2), uniform(rng, 0.55, 0.95), int(rng.choice((0, 0, 4, 6, 8)))
    number, room = 0, (right - left) * 0.3
    first = _initial(forme, (left, y, room, 2 * forme.pitch), rng) if chance(rng, 0.25) else 0.0
    while y + forme.pitch < bottom:
        here = left + (first if number < 2 else indent * (number % 2))
        line, _ = _broken(forme.body, forme.words(rng, 16), (right - left) * length * uniform(rng, 0.75, 1) - 4, "")
        put(forme.layer(rng, 0.04), forme.body.line(line.capitalize(), rng), y, here)
        if touched:
            x, tall = int(here + forme.body.size * 0.3), int(forme.body.base * 0.7)
            foot = (x + int(rng.integers(-1, 2)), int(y) + forme.body.base)
            cv2.line(forme.red, (x, int(y) + forme.body.base - tall), foot, 0.9, 1 + int(chance(rng, 0.5)), cv2.LINE_AA)
        number += 1
        y += forme.pitch * (1.8 if stanza and number % stanza == 0 else 1)


def _columns(forme: _Forme, rng: np.random.Generator) -> None:
    """Two columns, at times a rule between them."""
    for start, end in _halves(forme, rng):
        _set(forme, forme.body, (start, forme.box[1], end, forme.box[3]), forme.pitch, rng)


def _halves(forme: _Forme, rng: np.random.Generator) -> list[tuple[float, float]]:
    left, top, right, bottom = forme.box
    gap, middle = forme.body.size * uniform(rng, 0.8, 2), (left + right) / 2
    if chance(rng, 0.5):
        brass_rule(forme.text, (middle, top), (middle, bottom), rng)
    return [(left, middle - gap / 2), (middle + gap / 2, right)]


def _list(forme: _Forme, rng: np.random.Generator) -> None:
    """Entries in small type: names with what they are, or with dots that lead to a number; headings between them."""
    leads, size = chance(rng, 0.25), forme.body.size
    hangs, heads = chance(rng, 0.3), uniform(rng, 0, 0.04)
    halves = _halves(forme, rng) if chance(rng, 0.8) else [(forme.box[0], forme.box[2])]
    bold = forme.large(rng, size * uniform(rng, 1.0, 1.3))
    for left, right in halves:
        y = forme.box[1]
        while y + forme.pitch < forme.box[3]:
            if chance(rng, heads):
                line, _ = _broken(bold, forme.words(rng, 8), right - left, "")
                head = bold.line(line, rng)
                put(forme.layer(rng), head, y + forme.pitch * 0.3, (left + right - head.shape[1]) / 2)
                y += forme.pitch * 1.8
                continue
            number = str(int(rng.integers(2, 9000)))
            entry = forme.words(rng, int(rng.integers(2, 5) if leads else rng.integers(3, 15)))
            words, first = [entry[0].capitalize() + ".", *entry[1:], *(() if leads else (number,)), ""], True
            while words[0] and y + forme.pitch < forme.box[3]:
                start = left + (size if first != hangs else 0)
                line, words = _broken(forme.body, words, right - start - (4 * size if leads else 0), "-")
                put(forme.text, forme.body.line(line, rng, width=right - start - 3 if words[0] and not leads else 0),
                    y, start)  # fmt: skip
                if leads and not words[0]:
                    _lead(forme, (start + forme.body.length(line), y, right, 0), number, rng)
                first = False
                y += forme.pitch


def _lead(forme: _Forme, box: _Box, number: str, rng: np.random.Generator) -> None:
    """Lead the eye with dots from the end of an entry to its number."""
    left, y, right, _ = box
    shown = forme.body.line(number, rng)
    dots = int((right - left - shown.shape[1]) / forme.body.length(" .")) - 1
    put(forme.text, shown, y, right - shown.shape[1])
    if dots > 0:
        line = forme.body.line(" ." * dots, rng)
        put(forme.text, line, y, right - shown.shape[1] - line.shape[1])


def _table(forme: _Forme, rng: np.random.Generator) -> None:
    """Rows of a name and figures between rules, heads in small type: an almanac, rates, a calendar."""
    left, top, right, bottom = forme.box
    first = uniform(rng, 0.2, 0.45)
    stops = np.concatenate([[0, first], first + np.cumsum(np.full(n := int(rng.integers(2, 8)), (1 - first) / n))])
    edges = (left + stops * (right - left)).tolist()
    ruled = chance(rng, 0.8)
    for x in edges if ruled else ():
        brass_rule(forme.text, (x, top), (x, bottom), rng)
    for y in (top, top + forme.pitch * 1.6, bottom):
        brass_rule(forme.text, (left, y), (right, y), rng)
    for start, end in itertools.pairwise(edges):
        line, _ = _broken(forme.small, forme.words(rng, 4), end - start - 4, "-")
        put(forme.text, forme.small.line(line, rng), top + 2, start + 3)
    y = top + forme.pitch * 1.8
    while y + forme.pitch < bottom:
        name, _ = _broken(forme.body, [word.capitalize() for word in forme.words(rng, 6)], edges[1] - left - 4, "")
        put(forme.layer(rng, 0.15), forme.body.line(name, rng), y, left + 4)
        for end in edges[2:]:
            if chance(rng, 0.85):
                figure = forme.body.line(str(int(rng.gamma(1.0, 90)) + 1), rng)
                put(forme.text, figure, y, end - figure.shape[1] - 4)
        y += forme.pitch


def _title(forme: _Forme, rng: np.random.Generator) -> None:
    """A title page: lines of several sizes, an ornament, a rule, and who printed it where and when."""
    left, y, right, bottom = forme.box
    y, wide = y * uniform(rng, 0.6, 1.2), right - left
    end = bottom - forme.pitch * 5
    ornament = uniform(rng, 0.3, 0.75)
    while y < end:
        if y > bottom * ornament and ornament:
            y, ornament = y + _ornament(forme, y + forme.pitch, rng) + forme.pitch * 2, 0.0
            continue
        size = wide * float(np.exp(uniform(rng, np.log(0.028), np.log(0.13))))
        head = _title_line(forme, size, rng, high=max(2, int(0.28 * wide / size)))
        _centred(forme, head, y, forme.layer(rng, 0.4))
        y += head.shape[0] * uniform(rng, 0.9, 1.4)
    if chance(rng, 0.5):
        brass_rule(forme.text, (left, y), (right, y), rng)
    for text in (forme.phrase(rng, 1, 2).upper() + ",", forme.phrase(rng, 3, 6) + ".", "M. DC. LXXVIII."):
        y += forme.pitch * 1.15
        shown = text.capitalize() if is_black_letter(forme.style) and "." not in text[:2] else text
        _centred(forme, forme.body.line(shown, rng), y, forme.layer(rng, 0.4))


def _picture(forme: _Forme, rng: np.random.Generator) -> None:
    """A motto, a picture cut in wood in a frame, and verse or prose below."""
    left, y, right, bottom = forme.box
    for _ in range(int(rng.integers(1, 4))):
        head = _title_line(forme, forme.body.size * uniform(rng, 1, 1.6), rng)
        _centred(forme, head, y, forme.layer(rng, 0.3))
        y += head.shape[0]
    wide = (right - left) * uniform(rng, 0.6, 1)
    cut = woodcut(int((bottom - y) * uniform(rng, 0.3, 0.6)), int(wide), rng)
    for inset in range(0, 4, 3):
        corner = (cut.shape[1] - 1 - inset, cut.shape[0] - 1 - inset)
        cv2.rectangle(cut, (inset, inset), corner, 1.0, 1)
    _centred(forme, cut, y, forme.text)
    y += cut.shape[0] + forme.pitch * 0.6
    _set(forme, forme.body, (left, y, right, bottom), forme.pitch, rng, ragged=chance(rng, 0.5))


def _comment(forme: _Forme, rng: np.random.Generator) -> None:
    """A text in large type with a commentary in small type about it, as in books of law and of the Church."""
    left, top, right, bottom = forme.box
    side, gap = (right - left) * uniform(rng, 0.2, 0.3), forme.body.size * 0.7
    high, low = top + (bottom - top) * uniform(rng, 0.0, 0.25), bottom - (bottom - top) * uniform(rng, 0.05, 0.35)
    pitch, middle = forme.small.size * 1.12, (left + right) / 2
    outer = chance(rng, 0.7)  # commentary on both sides
    start, end = left + (side if outer else 0), right - side
    _set(forme, forme.body, (start + gap, high + gap, end - gap, low - gap), forme.pitch, rng)
    for box in (
        (left, top, middle - gap / 2, high), (middle + gap / 2, top, right, high),
        (left, low, middle - gap / 2, bottom), (middle + gap / 2, low, right, bottom),
        *(((left, high, start, low),) if outer else ()), (end, high, right, low),
    ):  # fmt: skip
        if box[3] - box[1] > pitch:
            _set(forme, forme.small, box, pitch, rng)


_SET: Final[dict[str, Callable[[_Forme, np.random.Generator], None]]] = {
    "prose": _prose, "verse": _verse, "columns": _columns, "list": _list, "table": _table, "title": _title,
    "picture": _picture, "comment": _comment,
}  # fmt: skip
