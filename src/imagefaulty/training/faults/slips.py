"""Till slips and small bills as printers of tills set them: thermal, by needles, faded, broken up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.training.faults.compositing import chance, clouds, grain, soften, to_pixels, uniform, wavy
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.pens import Box
from imagefaulty.training.faults.stand_ins import words
from imagefaulty.training.faults.typesetting import Font, font_of

_FACES: Final = ("DejaVuSansMono", "DejaVuSansMono-Bold", "cmtt10", "DejaVuSans", "cmss10", "plain")
_BOLD: Final = ("DejaVuSans-Bold", "DejaVuSansMono-Bold", "plain", "DejaVuSans")
_SHAPE: Final = (1.25, 2.9)  # how many times as high as wide
_SUMS: Final = ("SUBTOTAL", "Sub Total :", "Rounding", "Discount", "TAX 6%", "Net Amount", "Service 10%", "Items")
_PAID: Final = ("CASH", "CHANGE", "Card", "Paid", "Balance", "Voucher")
_THANKS: Final = ("THANK YOU", "Please come again", "Goods sold are not returnable", "*** COPY ***", "Have a nice day")
_TITLES: Final = ("TAX INVOICE", "CASH BILL", "RECEIPT", "Invoice", "-CASH SALE-")


@dataclass(frozen=True, slots=True, eq=False)
class Slip:
    """A slip as printed.

    Attributes:
        print: Type, float32 (h, w) in 0..1.
        rules: Rules, bar codes, and the holes that a file punched.
        prices: Where each sum stands, and what it says.
        total: Where the total stands, and what it says.
        head: Where print begins, px.
        foot: Where print ends, px.
        pitch: From line to line, px.
    """

    print: Field
    rules: Field
    prices: tuple[tuple[Box, str], ...]
    total: tuple[Box, str]
    head: float
    foot: float
    pitch: float


def slip_paper(materials: Materials, rng: np.random.Generator) -> Pixels:
    """Return the paper of a slip, uint8 RGB: narrow, with nothing on it."""
    return plain_paper((1024, int(1024 / uniform(rng, *_SHAPE))), materials, rng)


def plain_paper(shape: tuple[int, int], materials: Materials, rng: np.random.Generator) -> Pixels:
    """Return bare paper of ``shape``, uint8 RGB: half of it as white as scanners make it, the rest of any sort."""
    if chance(rng, 0.5):
        return materials.paper(shape, rng)
    level = np.full((*shape, 3), uniform(rng, 244, 255), np.float32)
    if chance(rng, 0.5):
        level = level + grain(shape, rng, uniform(rng, 0.3, 2.5))[..., None]
        level *= 1 - 0.1 * np.clip(clouds(shape, rng, period=300), 0, 1)[..., None]
    return to_pixels(level)


class _Setter:
    """Sets line under line, and remembers where the sums stand."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.rng = rng
        self.image = Image.new("L", (width, height), 0)
        self.pen = ImageDraw.Draw(self.image)
        self.pitch = height / uniform(rng, 24, 52)
        size = min(self.pitch * uniform(rng, 0.66, 0.88), width / 18)
        self.font = font_of(str(rng.choice(_FACES)), max(8, round(size)))
        self.bold = font_of(str(rng.choice(_BOLD)), max(8, round(size)))
        self.large = font_of(str(rng.choice(_BOLD)), max(9, round(size * uniform(rng, 1.2, 1.9))))
        self.left, self.right = width * uniform(rng, 0.03, 0.1), width * uniform(rng, 0.9, 0.97)
        self.y = height * (uniform(rng, 0.02, 0.06) if chance(rng, 0.4) else uniform(rng, 0.06, 0.17))
        self.head = self.y
        self.sums: list[tuple[Box, str]] = []

    def fitted(self, text: str, font: Font, share: float) -> str:
        while len(text) > 3 and font.getlength(text) > share * (self.right - self.left):
            text = text[:-1]
        return text

    def centred(self, text: str, font: Font) -> None:
        text = self.fitted(text, font, 1.0)
        self.pen.text(((self.left + self.right) / 2, self.y), text, 255, font, anchor="ma")
        self.y += self.pitch * (1.7 if font is self.large else 1)

    def pair(self, name: str, value: str, font: Font, at: float = 1.0) -> Box:
        """Set a name at the left and a value that ends ``at`` a share of the width, and return the value's place."""
        self.pen.text((self.left, self.y), self.fitted(name, font, 0.55), 255, font)
        end = self.left + at * (self.right - self.left)
        self.pen.text((end, self.y), value, 255, font, anchor="ra")
        left, top, right, bottom = font.getbbox(value)
        box = (end - (right - left), self.y + top, end, self.y + bottom)
        self.y += self.pitch * (1.7 if font is self.large else 1)
        return box

    def rule(self) -> None:
        middle = self.y + self.pitch * 0.5
        if chance(self.rng, 0.6):
            count = int((self.right - self.left) / max(1.0, self.font.getlength("-")))
            self.pen.text((self.left, self.y), str(self.rng.choice(("-", "-", "=", "*"))) * count, 255, self.font)
        else:
            self.pen.line([(self.left, middle), (self.right, middle)], 255, int(self.rng.integers(1, 4)))
        self.y += self.pitch

    def gap(self, share: float) -> None:
        if chance(self.rng, share):
            self.y += self.pitch * uniform(self.rng, 0.3, 1.6)


def set_slip(width: int, height: int, rng: np.random.Generator) -> Slip:
    """Set a slip: heading, number and date, things and prices, sums, total, thanks."""
    # Faces of tills are narrower or wider than those at hand.
    stretch = uniform(rng, 0.75, 1.25)
    setter = _Setter(rng, int(width / stretch), height)
    _heading(setter, rng)
    end = height * (uniform(rng, 0.3, 0.55) if chance(rng, 0.35) else uniform(rng, 0.5, 0.68))
    at = uniform(rng, 0.86, 1.0)
    while setter.y < end:
        name = words(rng, 2)[:20]
        price = f"{rng.gamma(1.4, 14) + 0.3:.2f}"
        if chance(rng, 0.5):
            setter.pen.text((setter.left, setter.y), setter.fitted(name.upper(), setter.font, 0.9), 255, setter.font)
            setter.y += setter.pitch
            name = (
                f"{int(rng.integers(1, 12))} X {price}"
                if chance(rng, 0.5)
                else str(int(rng.integers(100_000, 100_000_000)))
            )
        setter.sums.append((setter.pair(name, price, setter.font, at), price))
        setter.gap(0.1)
    total = _sums(setter, rng)
    printed, rules = np.asarray(setter.image, np.float32) / np.float32(255), np.zeros((height, width), np.float32)
    foot = min(setter.y, height * 0.99)
    if chance(rng, 0.15):
        foot = _bar_code(rules, foot, rng)
    _punched(rules, rng)
    printed = np.clip(_worn(np.asarray(cv2.resize(printed, (width, height)), np.float32), rng), 0, 1)
    prices = tuple((_wider(box, stretch), text) for box, text in setter.sums)
    return Slip(printed, rules, prices, (_wider(total[0], stretch), total[1]), setter.head, foot, setter.pitch)


def _wider(box: Box, stretch: float) -> Box:
    return box[0] * stretch, box[1], box[2] * stretch, box[3]


def _heading(setter: _Setter, rng: np.random.Generator) -> None:
    setter.centred(words(rng, 2).upper() if chance(rng, 0.7) else words(rng, 2), setter.large)
    for _ in range(int(rng.integers(1, 7))):
        text = f"NO. {int(rng.integers(1, 999))}, {words(rng, 2)}" if chance(rng, 0.5) else words(rng, 3)
        setter.centred(text.upper() if chance(rng, 0.7) else text, setter.font)
    if chance(rng, 0.6):
        setter.centred(f"TEL {int(rng.integers(10, 99))}-{int(rng.integers(1_000_000, 10_000_000))}", setter.font)
    setter.gap(0.6)
    if chance(rng, 0.7):
        setter.centred(str(rng.choice(_TITLES)), setter.bold)
        setter.gap(0.3)
    for name in ("Invoice No", "Date", "Cashier", "Time", "Table")[: int(rng.integers(0, 5))]:
        value = words(rng, 1) if name == "Cashier" else str(int(rng.integers(100, 100_000_000)))
        if name == "Date":
            value = f"{int(rng.integers(1, 29)):02}/{int(rng.integers(1, 13)):02}/{int(rng.integers(1998, 2024))}"
        setter.pair(f"{name} :", value, setter.font, uniform(rng, 0.5, 1.0))
    setter.rule()


def _sums(setter: _Setter, rng: np.random.Generator) -> tuple[Box, str]:
    """Set sums, the total, and what follows it; return the total."""
    setter.rule()
    amount = rng.gamma(1.6, 40) + 2
    for name in rng.permutation(_SUMS)[: int(rng.integers(1, 5))]:
        value = f"{amount * uniform(rng, 0.02, 1):.2f}"
        setter.sums.append((setter.pair(str(name), value, setter.font), value))
    shown = f"{amount:.2f}"
    if chance(rng, 0.2):
        shown = f"$ {shown}"
    total = setter.pair("TOTAL", shown, setter.large if chance(rng, 0.5) else setter.bold), f"{amount:.2f}"
    for name in rng.permutation(_PAID)[: int(rng.integers(0, 4))]:
        value = f"{amount * uniform(rng, 0.02, 2):.2f}"
        setter.sums.append((setter.pair(str(name), value, setter.font), value))
    setter.gap(0.7)
    if chance(rng, 0.5):
        setter.rule()
        setter.pair("Tax Summary", "Tax", setter.font)
        value = f"{amount * 0.06:.2f}"
        setter.sums.append((setter.pair(f"S 6%   {amount:.2f}", value, setter.font), value))
        setter.rule()
    setter.gap(0.7)
    for text in rng.permutation(_THANKS)[: int(rng.integers(0, 4))]:
        setter.centred(str(text), setter.bold if chance(rng, 0.3) else setter.font)
    return total


def _bar_code(rules: Field, top: float, rng: np.random.Generator) -> float:
    height, width = rules.shape
    end = min(height - 4, int(top + height * uniform(rng, 0.03, 0.06)))
    left, right = int(width * uniform(rng, 0.08, 0.25)), int(width * uniform(rng, 0.7, 0.92))
    bars = np.repeat(rng.random(right - left) < 0.5, 2)[: right - left]
    rules[int(top) : end, left:right] = bars
    return end


def _punched(rules: Field, rng: np.random.Generator) -> None:
    """Punch the slip for a file: holes that a scanner shows black, and what staples leave."""
    height, width = rules.shape
    if chance(rng, 0.3):
        x, radius = int(width * uniform(rng, 0.04, 0.2)), int(width * uniform(rng, 0.014, 0.028))
        for y in (uniform(rng, 0.1, 0.4), uniform(rng, 0.5, 0.8)):
            cv2.circle(rules, (x, int(y * height)), radius, 1.0, -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 8)) * int(chance(rng, 0.4))):
        start = (int(width * uniform(rng, 0.1, 0.9)), int(height * uniform(rng, 0.005, 0.06)))
        cv2.line(rules, start, (start[0] + int(rng.integers(-3, 4)), start[1] + int(rng.integers(1, 7))), 1.0, 2)


def _worn(alpha: Field, rng: np.random.Generator) -> Field:
    """Print as heads do that are worn: with dots that no longer print, in needles' dots, in bands, faded in patches."""
    height, width = alpha.shape
    if chance(rng, 0.14):
        step = int(rng.integers(3, 5))
        alpha = alpha.copy()
        alpha[::step] *= uniform(rng, 0.1, 0.5)
        alpha[:, ::step] *= uniform(rng, 0.1, 0.5)
    if chance(rng, 0.6):
        alpha = soften(alpha, uniform(rng, 0.4, 0.9))
    if chance(rng, 0.3):
        for _ in range(int(rng.integers(1, 6))):
            x = int(rng.integers(width - 3))
            alpha[:, x : x + int(rng.integers(1, 3))] *= uniform(rng, 0.0, 0.5)
    if chance(rng, 0.4):
        bands = wavy(height, rng, period=height / 6, octaves=3)
        alpha = alpha * (1 - uniform(rng, 0.1, 0.5) * np.clip(bands + 0.2, 0, 1))[:, None]
    period = uniform(rng, 3, 40) if chance(rng, 0.5) else uniform(rng, 60, 400)
    alpha = alpha * (1 - uniform(rng, 0.0, 0.6) * np.clip(clouds((height, width), rng, period=period), 0, 1))
    return np.asarray(alpha * uniform(rng, 1.0, 1.4), np.float32)
