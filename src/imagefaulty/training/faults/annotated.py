"""What clerks write on slips: the total ringed, the sum again, ticks, an account's number, a name, a signature."""

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
from imagefaulty.training.faults.slips import Slip, set_slip
from imagefaulty.training.faults.stand_ins import words

_BARE_SHARE: Final = 0.33  # of the slips: the same, and nobody wrote on them
_COPIES: Final = 0.4
_LEAST_PX: Final = 90
_STAMPED: Final = 0.15


#: By name what may be written, each with how often it is.
Writes = Mapping[str, tuple[Callable[[Field, Slip, Writer, np.random.Generator], None], float]]


def annotated_slip(width: int, height: int, materials: Materials, rng: np.random.Generator) -> Layers:
    """Print a slip and write on it what clerks do; on a third of them nothing.

    Args:
        width: Width of the paper in px.
        height: Height in px.
        materials: Where real hands come from.
        rng: Source of chance.
    """
    slip = set_slip(width, height, rng)
    written = np.zeros((height, width), np.float32)
    inks = inks_for(type_ink(rng), rng, like_type=0.45, copies=_COPIES)
    printed = slip.print
    if chance(rng, _STAMPED):
        mark = stamp_mask(rng, int(width * uniform(rng, 0.2, 0.36)))
        put(printed, mark, height * uniform(rng, 0.03, 0.85), width * uniform(rng, 0.05, 0.6))
    if chance(rng, _BARE_SHARE):
        return Layers(slip.rules, printed, written, "nothing written", inks=inks)
    capital = float(np.clip(width * uniform(rng, 0.028, 0.062), 11, 40))
    writer = Writer.invented(materials, rng, capital=capital, thick=uniform(rng, 1.2, 3.0))
    count = int(rng.choice((1, 2, 3, 4), p=(0.4, 0.32, 0.2, 0.08)))
    chosen = write_some(_WRITES, written, slip, writer, rng, count=count)
    while np.count_nonzero(written > 0.4) < _LEAST_PX:  # it fell beside the paper, or would hardly be seen
        _WRITES["amount"][0](written, slip, writer, rng)
        chosen.append("amount")
    return Layers(slip.rules, printed, written, " + ".join(chosen), inks=inks)


def write_some(
    writes: Writes, written: Field, slip: Slip, writer: Writer, rng: np.random.Generator, *, count: int
) -> list[str]:
    """Write ``count`` different things on a slip, and return their names."""
    shares = np.array([share for _, share in writes.values()])
    chosen = [str(name) for name in rng.choice(list(writes), count, replace=False, p=shares / shares.sum())]
    for name in chosen:
        writes[name][0](written, slip, writer, rng)
    return chosen


def type_ink(rng: np.random.Generator) -> Colour:
    """Black, the greys of thermal paper, at times the blue or violet of its cheaper sorts: that is no pen's blue."""
    if chance(rng, 0.72):
        level = uniform(rng, 15, 105)
        return level, level, level * uniform(rng, 0.98, 1.12)
    level = uniform(rng, 30, 80)
    return level, level * uniform(rng, 0.9, 1.2), level * uniform(rng, 1.4, 2.4)


def _any_sum(slip: Slip, rng: np.random.Generator) -> tuple[Box, str]:
    """The total mostly, else any of the sums."""
    return slip.total if chance(rng, 0.6) else slip.prices[int(rng.integers(len(slip.prices)))]


def _ringed(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    ring(written, _any_sum(slip, rng)[0], writer.thick, rng)


def _amount(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write the sum again, beside the total or at the foot, half of them in a ring."""
    box, text = _any_sum(slip, rng)
    text = text.replace(".", str(rng.choice((".", "-", ".")))) if chance(rng, 0.85) else text.split(".")[0]
    figures = writer.spell(text, rng)
    height, width = written.shape
    if chance(rng, 0.5):
        left, top = box[0] - figures.shape[1] * uniform(rng, 0.6, 1.6), box[1] + slip.pitch * uniform(rng, -1, 2.5)
    else:
        left, top = width * uniform(rng, 0.4, 0.75), slip.foot - slip.pitch * uniform(rng, -1.5, 4)
    left = float(np.clip(left, 4, max(5, width - figures.shape[1] - 6)))
    top = float(np.clip(top, 4, max(5, height - figures.shape[0] - 6)))
    put(written, figures, top, left)
    if chance(rng, 0.55):
        around = (left, top, left + figures.shape[1], top + figures.shape[0])
        ring(written, around, writer.thick, rng, slack=uniform(rng, 1.0, 1.6))


def sign_ticks(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Tick sums off, beside them, one to five."""
    size = writer.capital * uniform(rng, 0.7, 1.3)
    beside = chance(rng, 0.8)
    every = [box for box, _ in slip.prices]
    for index in rng.choice(len(every), min(len(every), int(rng.choice((1, 1, 2, 3, 5)))), replace=False):
        left, top, right, _ = every[int(index)]
        x = right + 0.1 * size if beside and right + 0.8 * size < written.shape[1] else left - 1.3 * size
        tick(written, (x, top - 0.2 * size), size, writer.thick, rng)


def _number(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write a long number at the head: an account, a claim."""
    text = str(int(rng.integers(10, 10 ** int(rng.integers(2, 9)))))
    figures = writer.spell(text, rng)
    top = slip.head * uniform(rng, 0.0, 0.9) if slip.head > figures.shape[0] else uniform(rng, 2, 20)
    put(written, figures, top, written.shape[1] * uniform(rng, 0.02, 0.6))


def sign_letters(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write a letter or two, at the head or the foot, bare, between brackets or ringed."""
    text = "".join(rng.choice(list("ABCDEFGHJKLMNPRSTW"), int(rng.integers(1, 4))))
    text = f"({text})" if chance(rng, 0.4) else text
    found = writer.spell(text, rng)
    at_head = chance(rng, 0.6)
    top = slip.head * uniform(rng, 0, 1) if at_head else slip.foot + slip.pitch * uniform(rng, -4, 1)
    top = float(np.clip(top, 3, written.shape[0] - found.shape[0] - 3))
    left = written.shape[1] * uniform(rng, 0.1, 0.85)
    put(written, found, top, left)
    if chance(rng, 0.2):
        ring(written, (left, top, left + found.shape[1], top + found.shape[0]), writer.thick, rng)


def sign_name(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Write what it was for, or for whom: a word to three at the head, in the middle or at the foot."""
    height, width = written.shape
    top = (slip.head * uniform(rng, 0, 0.8), height * uniform(rng, 0.25, 0.8), slip.foot)[int(rng.integers(3))]
    left = width * uniform(rng, 0.03, 0.6)
    for _ in range(int(rng.choice((1, 1, 2, 3)))):
        word = writer.word(words(rng, 1)[:9], rng, most=width * 0.4)
        if left + word.shape[1] > width:
            left, top = width * uniform(rng, 0.03, 0.2), top + word.shape[0]
        put(written, word, min(top, height - word.shape[0] - 3), left)
        left += word.shape[1] + writer.capital * 0.5


def sign_scrawl(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Sign at the foot, or over the print."""
    height, width = written.shape
    wide, tall = width * uniform(rng, 0.1, 0.4), writer.capital * uniform(rng, 1.3, 3.4)
    top = slip.foot - tall * uniform(rng, 0, 1.5) if chance(rng, 0.6) else height * uniform(rng, 0.3, 0.85)
    left, top = width * uniform(rng, 0.05, 0.6), min(top, height - tall - 4)
    scrawl(written, (left, top, left + wide, top + tall), writer.thick, rng)


def _corrected_sum(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Strike a sum out and write another beside it."""
    box, _ = slip.prices[int(rng.integers(len(slip.prices)))]
    strike(written, box, writer.thick, rng)
    figures = writer.spell(f"{rng.gamma(1.5, 20):.2f}", rng)
    left = max(2.0, box[0] - figures.shape[1] * uniform(rng, 1.0, 1.5))
    put(written, figures, box[1] - figures.shape[0] * uniform(rng, 0, 0.6), left)


def _stroke(written: Field, slip: Slip, writer: Writer, rng: np.random.Generator) -> None:
    """Draw a long stroke: upright, aslant, or under a line."""
    height, width = written.shape
    x, y = width * uniform(rng, 0.1, 0.8), uniform(rng, slip.head, slip.foot)
    long, heading = width * uniform(rng, 0.08, 0.4), float(rng.choice((0.0, -0.8, -1.4))) + float(rng.normal(0, 0.1))
    t = np.linspace(0, long, 6)
    path = np.stack([x + t * np.cos(heading), y + t * np.sin(heading)], axis=1) + rng.normal(0, 0.01 * long, (6, 2))
    trace(written, np.clip(path, 3, (width - 3, height - 3)), writer.thick, rng)


#: What is written, and how often.
_WRITES: Final[Writes] = MappingProxyType({
    "ring": (_ringed, 0.2), "amount": (_amount, 0.24), "ticks": (sign_ticks, 0.2), "number": (_number, 0.16),
    "letters": (sign_letters, 0.13), "name": (sign_name, 0.17), "signed": (sign_scrawl, 0.16),
    "corrected": (_corrected_sum, 0.06), "stroke": (_stroke, 0.06),
})  # fmt: skip
