"""What a recipe returns: the page, its labels, and where the fault or the handwriting lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagefaulty.checks import CheckName

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]
Labels = Mapping[CheckName, str]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where on the page something was drawn.

    Attributes:
        kind: What lies there: ``"fold"``, ``"tear"``, ``"crease"``, ``"note"``, ``"handwriting"``, ``"print"``.
        check: The check that it is evidence for.
        box: ``(x, y, w, h)`` as fractions of the page, inside ``[0, 1]``.
        mask: uint8 ``(h, w)`` of the page's size, 1 where the thing lies, or None where only the box is known.
    """

    kind: str
    check: CheckName
    box: tuple[float, float, float, float]
    mask: Pixels | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A page with something drawn on it.

    Attributes:
        pixels: uint8 ``(h, w, 3)`` RGB.
        labels: Class per check; a check that is missing is *not known* for this page.
        regions: Where the drawn faults, notes and handwriting lie.
        recipe: Short name of what was drawn, for people: ``"fold-behind/top-left/black bed"``.
    """

    pixels: Pixels
    labels: Labels
    regions: tuple[Region, ...]
    recipe: str


def region_of(mask: Field | Pixels, *, kind: str, check: CheckName) -> Region | None:
    """Return the region that a mask covers, or None for an empty mask.

    Args:
        mask: ``(h, w)``, nonzero where the thing lies; a float mask counts from 0.3 on.
        kind: See :class:`Region`.
        check: The check that it is evidence for.
    """
    solid = (mask > 0.3).astype(np.uint8)
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    height, width = solid.shape
    left, top = float(columns[0]) / width, float(rows[0]) / height
    right, bottom = float(columns[-1] + 1) / width, float(rows[-1] + 1) / height
    return Region(kind, check, (left, top, right - left, bottom - top), solid)
