"""The evidence channels, and what is known per cell of a page: marked, not marked, in a box with a mark, not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imagefaulty.checks import CheckName
from imagefaulty.training.faults import Drawn, Region

#: What the evidence maps mark, in the order of the channels. Those named like a check mark that check's fault.
CHANNELS: Final = ("handwriting", "print", "content", "post_it", "corner")
#: Stands for "not known" among marks and label codes.
UNKNOWN: Final = -1
#: The first of the numbers that stand for boxes among marks: somewhere in the cells of a box something is marked.
FIRST_BOX: Final = 2

_REGION_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "handwriting": ("handwriting", "content"),
    "print": ("print", "content"),
    "stamp": ("content",),
    "note": ("post_it",),
    "fold": ("corner",),
    "tear": ("corner",),
    "crease": ("corner",),
}
#: Share of a cell that must be covered to mark it. Ink is thin; a note or a missing corner is solid.
_ENOUGH: Final[Mapping[str, float]] = {
    "handwriting": 0.03,
    "print": 0.03,
    "content": 0.02,
    "post_it": 0.4,
    "corner": 0.15,
}
#: A box that reaches into a cell by less than this share of it does not touch it.
_TOUCHED: Final = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """A box in which somebody saw a fault on a real page.

    Attributes:
        left: Where it begins, as a share of the page's width.
        top: Where it begins, as a share of the page's height.
        right: Where it ends.
        bottom: Where it ends.
        sure: Whether there is one; else it only may be there.
    """

    left: float
    top: float
    right: float
    bottom: float
    sure: bool

    def turned(self) -> Place:
        """Return the same place on the page turned by half a turn."""
        return Place(1 - self.right, 1 - self.bottom, 1 - self.left, 1 - self.top, self.sure)

    def cells(self, rows: int, columns: int) -> tuple[slice, slice]:
        """Return the cells that it touches: never none."""
        first = math.floor(self.top * rows + _TOUCHED), math.floor(self.left * columns + _TOUCHED)
        last = math.ceil(self.bottom * rows - _TOUCHED), math.ceil(self.right * columns - _TOUCHED)
        top, left = (min(at, size - 1) for at, size in zip(first, (rows, columns), strict=True))
        return slice(top, max(last[0], top + 1)), slice(left, max(last[1], left + 1))


def placed_cells(places: Sequence[Place], *, rows: int, columns: int) -> NDArray[np.int8]:
    """Return what boxes drawn by hand say about the cells of one channel.

    Boxes are rough, and a corner fills half of one at most: no single cell of a box is known to be marked.

    Args:
        places: All places of a page where a fault is or may be.
        rows: Rows of cells.
        columns: Columns of cells.

    Returns:
        int8 (rows, columns): :data:`FIRST_BOX` and the numbers behind it in the boxes that are sure, where two overlap
        the smaller one; :data:`UNKNOWN` around them and where something only may be; 0 elsewhere.
    """
    cells = np.zeros((rows, columns), np.int8)
    for place in places:
        down, across = place.cells(rows, columns)
        rim = int(place.sure)
        cells[max(0, down.start - rim) : down.stop + rim, max(0, across.start - rim) : across.stop + rim] = UNKNOWN
    sure = sorted((place for place in places if place.sure), key=_area, reverse=True)
    for number, place in enumerate(sure, start=FIRST_BOX):
        cells[place.cells(rows, columns)] = number
    return cells


def _area(place: Place) -> float:
    return (place.right - place.left) * (place.bottom - place.top)


def known_cells(labels: Mapping[CheckName, str], *, rows: int, columns: int) -> NDArray[np.int8]:
    """Return what the labels of a whole page say about its cells.

    A class that is absent from the page is absent from every cell; of one that is present no cell is known.

    Args:
        labels: Known classes of the page.
        rows: Rows of cells.
        columns: Columns of cells.

    Returns:
        int8 (channels, rows, columns): 0 where the thing is known to be absent, else :data:`UNKNOWN`.
    """
    cells = np.full((len(CHANNELS), rows, columns), UNKNOWN, np.int8)
    for channel in _absent(labels):
        cells[CHANNELS.index(channel)] = 0
    return cells


def drawn_cells(drawn: Drawn, before: Mapping[CheckName, str], *, rows: int, columns: int) -> NDArray[np.int8]:
    """Return what is known about the cells of a page on which something was drawn.

    Args:
        drawn: The drawn page.
        before: The labels of the page before it was drawn on.
        rows: Rows of cells.
        columns: Columns of cells.

    Returns:
        int8 (channels, rows, columns): 1 where a drawn region lies, 0 where the thing is known to be absent (outside
        the region, where it was absent before), :data:`UNKNOWN` elsewhere and along the region's rim.
    """
    cells = known_cells(drawn.labels, rows=rows, columns=columns)
    absent = _absent(before)
    for region in drawn.regions:
        for channel in _REGION_CHANNELS.get(region.kind, ()):
            index = CHANNELS.index(channel)
            if channel in absent and (cells[index] == UNKNOWN).all():
                cells[index] = 0
            _mark(cells[index], region, _ENOUGH[channel])
    return cells


def _absent(labels: Mapping[CheckName, str]) -> set[str]:
    """Channels that the labels say nothing is found of on the page."""
    absent = set()
    if labels.get("empty") == "empty":
        absent |= {"handwriting", "print", "content"}
    absent |= {"Handwritten": {"print"}, "Typewritten": {"handwriting"}}.get(labels.get("writing_type", ""), set())
    absent |= {"post_it"} if labels.get("post_it") == "ok" else set()
    absent |= {"corner"} if labels.get("corner") == "ok" else set()
    return absent


def _mark(cells: NDArray[np.int8], region: Region, enough: float) -> None:
    """Set the cells of one channel that a region covers to 1, and those around it to unknown."""
    if region.mask is None:
        return
    rows, columns = cells.shape
    share = np.asarray(
        cv2.resize(region.mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), np.float32
    )
    marked = share >= min(enough, 0.8 * float(share.max()))
    near = np.asarray(cv2.dilate((share > 0).astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8) > 0
    cells[near & ~marked & (cells != 1)] = UNKNOWN
    cells[marked] = 1
