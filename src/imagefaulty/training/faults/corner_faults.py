"""Recipes of folded corners and edges: which corner, how deep, how often, after the figures in docs/faults.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imagefaulty.training.faults.compositing import chance, uniform
from imagefaulty.training.faults.folds import Change, Way, corner_line, edge_line, fold
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.sheet import Sheet

_CORNER_SHARES = (0.38, 0.27, 0.19, 0.16)  # top left is stapled, top corners are turned most


def any_corner(rng: np.random.Generator) -> int:
    """Choose a corner: 0 top left, 1 top right, 2 bottom right, 3 bottom left."""
    return int(rng.choice(4, p=_CORNER_SHARES))


def legs(rng: np.random.Generator, way: Way) -> tuple[float, float]:
    """Return the legs of a corner fold as fractions of the sheet's width and height.

    Behind: 5 to 11 % of the width and 7 to 17 % of the height, steeper than 45 degrees. Over: up to 28 %.
    """
    if way == "behind" and chance(rng, 0.75):
        return uniform(rng, 0.05, 0.115), uniform(rng, 0.06, 0.17)
    across = float(np.clip(rng.lognormal(np.log(0.12), 0.45), 0.045, 0.3))
    return across, float(np.clip(across * uniform(rng, 0.45, 1.5), 0.04, 0.3))


def fold_corner(sheet: Sheet, materials: Materials, rng: np.random.Generator, way: Way) -> Change:
    """Fold one corner."""
    del materials
    return fold(sheet, corner_line(sheet, any_corner(rng), *legs(rng, way)), way, rng)


def fold_edge(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Fold a strip along an edge.

    Over: the flap is seen along the whole edge, or runs out at one end. Behind: the line must leave the edge within
    the sheet, for a strip folded behind along the whole edge only makes the sheet narrower, which nobody can see.
    """
    del materials
    edge = int(rng.integers(4))
    deep = [uniform(rng, 0.015, 0.085), uniform(rng, 0.015, 0.085)]
    way: Way = "over" if chance(rng, 0.65) else "behind"
    if way == "behind" or chance(rng, 0.5):
        # Out at a share of 0.3 to 0.85 of the edge: the far end lies that much outside.
        end, out = int(rng.integers(2)), uniform(rng, 0.3, 0.85)
        near = uniform(rng, 0.03, 0.11)
        deep[1 - end], deep[end] = near, -near * (1 - out) / out
    change = fold(sheet, edge_line(sheet, edge, (deep[0], deep[1])), way, rng)
    return replace(change, detail=f"{way}/{change.detail}")


def fold_double(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    """Fold two corners, or one corner twice along nearly parallel lines."""
    del materials
    first = any_corner(rng)
    way: Way = "over" if chance(rng, 0.5) else "behind"
    if chance(rng, 0.6):
        second = (first + int(rng.integers(1, 4))) % 4
        one = fold(sheet, corner_line(sheet, first, *legs(rng, way)), way, rng)
        two = fold(one.sheet, corner_line(one.sheet, second, *legs(rng, way)), way, rng)
        return Change(two.sheet, np.maximum(one.mask, two.mask), f"two corners {way}/{one.detail} + {two.detail}")
    across, down = legs(rng, "over")
    inner = fold(sheet, corner_line(sheet, first, across * 0.55, down * uniform(rng, 0.4, 0.7)), way, rng)
    outer = fold(
        inner.sheet, corner_line(sheet, first, across * 1.25, down * 1.2), "behind" if way == "over" else "over", rng
    )
    return Change(outer.sheet, np.maximum(inner.mask, outer.mask), f"twice/{outer.detail}")
