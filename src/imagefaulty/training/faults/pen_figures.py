"""Figures as people write sums: a few strokes each, uneven in size and slant, with a ballpoint or a pencil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from imagefaulty.training.faults.compositing import chance, uniform
from imagefaulty.training.faults.drawn import Field
from imagefaulty.training.faults.pens import cut_out, trace

_Stroke = Sequence[tuple[float, float]]
_Shape = Sequence[_Stroke]
#: Ways to write each sign, as strokes through points (x, y) in heights of a figure, y downwards from its top.
_SHAPES: Final[Mapping[str, Sequence[_Shape]]] = MappingProxyType({
    "0": (
        [[(0.42, 0.06), (0.18, 0.02), (0.02, 0.45), (0.16, 0.97), (0.45, 0.8), (0.5, 0.3), (0.3, 0.0)]],
        [[(0.3, 0.0), (0.02, 0.3), (0.1, 0.95), (0.42, 0.9), (0.46, 0.25), (0.2, 0.04), (0.12, 0.14)]],
    ),
    "1": ([[(0.22, 0.0), (0.16, 1.0)]], [[(0.02, 0.28), (0.24, 0.0), (0.2, 1.0)]]),
    "2": (
        [[(0.04, 0.26), (0.22, 0.0), (0.48, 0.18), (0.34, 0.56), (0.0, 0.98), (0.56, 0.94)]],
        [[(0.06, 0.22), (0.28, 0.0), (0.44, 0.26), (0.12, 0.92), (0.02, 0.82), (0.2, 0.78), (0.58, 1.0)]],
    ),
    "3": (
        [[(0.06, 0.1), (0.34, 0.0), (0.46, 0.2), (0.2, 0.45), (0.5, 0.68), (0.34, 1.0), (0.0, 0.9)]],
        [[(0.04, 0.02), (0.46, 0.02), (0.2, 0.4), (0.5, 0.66), (0.3, 1.0), (0.0, 0.92)]],
    ),
    "4": (
        [[(0.34, 0.0), (0.02, 0.64), (0.58, 0.6)], [(0.44, 0.34), (0.38, 1.0)]],
        [[(0.06, 0.0), (0.02, 0.56), (0.5, 0.52)], [(0.44, 0.0), (0.4, 1.0)]],
    ),
    "5": (
        [[(0.12, 0.02), (0.06, 0.42), (0.34, 0.38), (0.48, 0.7), (0.26, 1.0), (0.0, 0.9)], [(0.12, 0.02), (0.52, 0.0)]],
        [[(0.5, 0.02), (0.14, 0.04), (0.08, 0.44), (0.42, 0.5), (0.42, 0.9), (0.02, 0.98)]],
    ),
    "6": ([[(0.42, 0.0), (0.1, 0.42), (0.06, 0.86), (0.3, 1.0), (0.46, 0.76), (0.28, 0.54), (0.06, 0.78)]],),
    "7": (
        [[(0.02, 0.06), (0.52, 0.02), (0.22, 1.0)]],
        [[(0.02, 0.06), (0.54, 0.04), (0.24, 1.0)], [(0.14, 0.52), (0.5, 0.46)]],
    ),
    "8": (
        [[(0.44, 0.14), (0.2, 0.0), (0.1, 0.24), (0.46, 0.7), (0.26, 1.0), (0.04, 0.8), (0.42, 0.3), (0.42, 0.08)]],
        [[(0.26, 0.48), (0.08, 0.24), (0.28, 0.0), (0.44, 0.2), (0.06, 0.76), (0.26, 1.0), (0.48, 0.78), (0.24, 0.5)]],
    ),
    "9": (
        [[(0.48, 0.18), (0.24, 0.02), (0.06, 0.28), (0.28, 0.5), (0.48, 0.2), (0.42, 1.0)]],
        [[(0.46, 0.2), (0.2, 0.0), (0.06, 0.34), (0.3, 0.48), (0.48, 0.16), (0.46, 0.7), (0.08, 1.0)]],
    ),
    ".": ([[(0.04, 0.94), (0.09, 1.0)]],),
    ",": ([[(0.08, 0.94), (0.0, 1.16)]],),
    "-": ([[(0.0, 0.56), (0.36, 0.5)]],),
    "=": ([[(0.0, 0.44), (0.36, 0.4)], [(0.0, 0.64), (0.36, 0.62)]],),
    "/": ([[(0.36, -0.08), (0.0, 1.1)]],),
    "R": ([[(0.04, 1.0), (0.08, 0.04), (0.44, 0.1), (0.36, 0.46), (0.1, 0.5), (0.5, 1.0)]],),
    "M": ([[(0.0, 1.0), (0.08, 0.0), (0.34, 0.6), (0.62, 0.0), (0.7, 1.0)]],),
})  # fmt: skip
SIGNS: Final = frozenset(_SHAPES)


def pen_figures(text: str, height: float, thick: float, rng: np.random.Generator) -> Field:
    """Write figures in one hand, float32 (h, w) in 0..1, cut to their extent.

    Args:
        text: Of :data:`SIGNS`; what is not among them leaves a gap.
        height: Of a figure, px.
        thick: Width of the stroke, px.
        rng: Source of chance.
    """
    slant, breadth, gap = uniform(rng, -0.1, 0.4), uniform(rng, 0.75, 1.35), uniform(rng, 0.06, 0.3)
    restless, ways = uniform(rng, 0.015, 0.06), int(rng.integers(2**31))
    pad = int(0.5 * height + thick) + 3
    layer = np.zeros(
        (int(1.4 * height) + 2 * pad, int((0.95 * breadth + gap) * height * len(text)) + 2 * pad), np.float32
    )
    x, rise = 0.0, float(rng.normal(0, 0.05))
    for sign in text:
        shapes = _SHAPES.get(sign, ())
        if not shapes:
            x += 0.4
            continue
        shape = shapes[ways % len(shapes)] if chance(rng, 0.85) else shapes[int(rng.integers(len(shapes)))]
        size, drop = 1 + float(rng.normal(0, 0.09)), float(rng.normal(0, 0.05))
        far = 0.0
        for stroke in shape:
            points = np.array(stroke) * size + rng.normal(0, restless, (len(stroke), 2))
            points[:, 0] = breadth * points[:, 0] + slant * (1 - points[:, 1])
            far = max(far, float(points[:, 0].max()) - slant * 0.5)
            along = points + np.array([x, drop - rise * x])
            trace(layer, along * height + pad, thick, rng)
        x += far + gap * uniform(rng, 0.5, 1.4)
    return cut_out(layer)
