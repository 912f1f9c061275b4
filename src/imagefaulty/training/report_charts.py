"""The diagrams of an evaluation's page, as SVG that takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from imagefaulty.training.drawn_figures import TradeOff
from imagefaulty.training.elements import text
from imagefaulty.training.figures import VERDICTS, Bin
from imagefaulty.training.metrics import wilson

_SIDE: Final = 200.0
_LEFT, _TOP = 54.0, 10.0
_BAR: Final = (240.0, 16.0)
#: Where the axes may begin, so that four steps are round numbers: most answers are nearly certain.
_BEGINNINGS: Final = (0.0, 0.2, 0.6, 0.8)
#: A part of a bar needs this share of it to hold its number.
_LEGIBLE: Final = 0.12


def reliability_diagram(bins: Sequence[Bin], title: str) -> Element:
    """Return a diagram of the share of right answers (upwards) by confidence (to the right).

    A dot is a bin of pages, larger where it holds more; its line is the Wilson interval. On the diagonal answers are
    as sure as they are right; dots below it are too sure.

    Args:
        bins: Pages of much the same confidence.
        title: For people who cannot see it.
    """
    least = min(min(each.confidence, each.right) for each in bins)
    low = max(each for each in _BEGINNINGS if each <= least)

    def place(value: float) -> float:
        return max(0.0, (value - low) / (1 - low)) * _SIDE

    svg = _chart(title, _LEFT + _SIDE + 20, _TOP + _SIDE + 36)
    _axes(svg, [low + (1 - low) * step / 4 for step in range(5)])
    _shape(svg, "line", "diagonal", x1=_LEFT, y1=_TOP + _SIDE, x2=_LEFT + _SIDE, y2=_TOP)
    most = max(each.pages for each in bins)
    for each in bins:
        x = _LEFT + place(each.confidence)
        bottom, top = (_TOP + _SIDE - place(end) for end in wilson(round(each.right * each.pages), each.pages))
        _shape(svg, "line", "whisker", x1=x, y1=bottom, x2=x, y2=top)
        radius = 2.5 + 2.5 * (each.pages / most) ** 0.5
        dot = _shape(svg, "circle", "dot", cx=x, cy=_TOP + _SIDE - place(each.right), r=radius)
        text(dot, "title", f"{each.pages} pages, confidence {each.confidence:.1%}, right {each.right:.1%}")
    _label(svg, _LEFT + _SIDE / 2, _TOP + _SIDE + 32, "confidence")
    _label(svg, 0, 0, "right").set("transform", f"translate(9 {_n(_TOP + _SIDE / 2)}) rotate(-90)")
    return svg


def verdict_bar(counts: Sequence[int]) -> Element:
    """Return a bar of the shares of :data:`VERDICTS`, with their per cent where there is room."""
    total = sum(counts)
    said = ", ".join(f"{name} {count}" for name, count in zip(VERDICTS, counts, strict=True))
    svg = _chart(said, *_BAR)
    svg.set("class", "bar")
    x = 0.0
    for name, count in zip(VERDICTS, counts, strict=True):
        share = count / total if total else 0.0
        width = share * _BAR[0]
        if count:
            _shape(svg, "rect", f"verdict-{name}", x=x, y=0, width=width, height=_BAR[1])
        if share >= _LEGIBLE:
            _label(svg, x + width / 2, _BAR[1] - 4, f"{share:.0%}").set("class", f"on-{name}")
        x += width
    return svg


def trade_off_bar(trade: TradeOff) -> Element:
    """Return a bar of the share that is found."""
    share = trade.found.value or 0.0
    svg = _chart(f"{share:.1%} found", *_BAR)
    svg.set("class", "bar")
    _shape(svg, "rect", "rest", x=0, y=0, width=_BAR[0], height=_BAR[1])
    _shape(svg, "rect", "verdict-yes", x=0, y=0, width=share * _BAR[0], height=_BAR[1])
    return svg


def _chart(title: str, width: float, height: float) -> Element:
    svg = Element("svg", {"role": "img", "viewBox": f"0 0 {_n(width)} {_n(height)}", "width": _n(width)})
    svg.set("height", _n(height))
    text(svg, "title", title)
    return svg


def _axes(svg: Element, ticks: Sequence[float]) -> None:
    _shape(svg, "rect", "frame", x=_LEFT, y=_TOP, width=_SIDE, height=_SIDE)
    for step, tick in enumerate(ticks):
        along = _SIDE * step / (len(ticks) - 1)
        _label(svg, _LEFT + along, _TOP + _SIDE + 15, f"{tick:.0%}")
        label = _label(svg, _LEFT - 4, _TOP + _SIDE - along + 4, f"{tick:.0%}")
        label.set("text-anchor", "end")
        if 0 < step < len(ticks) - 1:
            _shape(svg, "line", "grid", x1=_LEFT, y1=_TOP + along, x2=_LEFT + _SIDE, y2=_TOP + along)
            _shape(svg, "line", "grid", x1=_LEFT + along, y1=_TOP, x2=_LEFT + along, y2=_TOP + _SIDE)


def _shape(svg: Element, tag: str, kind: str, **sizes: float) -> Element:
    return SubElement(svg, tag, {"class": kind, **{name: _n(value) for name, value in sizes.items()}})


def _label(svg: Element, x: float, y: float, content: str) -> Element:
    label = text(svg, "text", content)
    label.attrib |= {"x": _n(x), "y": _n(y), "text-anchor": "middle"}
    return label


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
