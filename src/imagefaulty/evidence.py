"""Where on the page: from a per-cell evidence map to a heat map and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.network import EvidenceMap
from imagefaulty.pages import Page

#: A cell belongs to a region when its probability reaches this share of the map's highest cell.
_SHARE_OF_PEAK: Final = 0.5
#: Below this probability a peak is noise, and there is no region at all.
_LEAST_PEAK: Final = 0.05
_MM_PER_INCH: Final = 25.4


@dataclass(frozen=True, slots=True)
class Region:
    """A place on the page that speaks for a fault.

    Attributes:
        box: (x, y, width, height) in px of the original page.
        box_mm: The same in mm, or None where the scan's resolution is not known.
        score: Highest cell probability inside, 0-1; it ranks regions and is not calibrated.
        shape: Which cells of the box, divided evenly, belong to the region, row by row; all by default.
    """

    box: tuple[int, int, int, int]
    box_mm: tuple[float, float, float, float] | None
    score: float
    shape: tuple[tuple[bool, ...], ...] = ((True,),)

    def to_dict(self) -> dict[str, Any]:
        """Return the region as JSON-ready values."""
        return {
            "box": list(self.box),
            "box_mm": None if self.box_mm is None else [round(side, 1) for side in self.box_mm],
            "score": round(self.score, 4),
        }


def heat_map(evidence: EvidenceMap) -> NDArray[np.float64]:
    """Return per-cell probabilities of the part of the map that shows the page.

    Returns:
        float64 in 0-1, shape (rows, columns); row 0 is the top of the page. Letterbox padding is cut off.
    """
    cells = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(evidence.logits, np.float64), -60, 60)))
    rows, columns = cells.shape
    place = evidence.placement
    top, bottom = _span(place.top, place.height, rows)
    left, right = _span(place.left, place.width, columns)
    return cells[top:bottom, left:right]


def regions(evidence: EvidenceMap, page: Page) -> tuple[Region, ...]:
    """Return the places that speak for a fault, strongest first.

    Cells above half of the peak that touch one another (edges or corners) form one region.

    Args:
        evidence: The map of the fault's channel.
        page: The page it was computed on; gives size and resolution.
    """
    heat = heat_map(evidence)
    if heat.size == 0 or heat.max() < _LEAST_PEAK:
        return ()
    found = [_region(heat, cells, page) for cells in _touching(heat >= _SHARE_OF_PEAK * heat.max())]
    return tuple(sorted(found, key=lambda region: -region.score))


def _span(start: float, length: float, cells: int) -> tuple[int, int]:
    return int(np.floor(start * cells + 1e-6)), int(np.ceil((start + length) * cells - 1e-6))


def _region(heat: NDArray[np.float64], cells: list[tuple[int, int]], page: Page) -> Region:
    rows = [row for row, _ in cells]
    columns = [column for _, column in cells]
    width, height = page.original_size
    across, down = width / heat.shape[1], height / heat.shape[0]
    left, top = round(min(columns) * across), round(min(rows) * down)
    right, bottom = round((max(columns) + 1) * across), round((max(rows) + 1) * down)
    box = (left, top, right - left, bottom - top)
    score = float(max(heat[cell] for cell in cells))
    return Region(box, _in_mm(box, page.dpi), score, _shape(rows, columns))


def _shape(rows: list[int], columns: list[int]) -> tuple[tuple[bool, ...], ...]:
    inside = set(zip(rows, columns, strict=True))
    return tuple(
        tuple((row, column) in inside for column in range(min(columns), max(columns) + 1))
        for row in range(min(rows), max(rows) + 1)
    )


def _in_mm(box: tuple[int, int, int, int], dpi: float | None) -> tuple[float, float, float, float] | None:
    if not dpi:
        return None
    x, y, width, height = (side / dpi * _MM_PER_INCH for side in box)
    return x, y, width, height


def _touching(mask: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Group the true cells of a small grid into 8-connected components."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    groups = []
    while left:
        group = [left.pop()]
        for row, column in group:  # the list grows while it is walked
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            group.extend(near)
        groups.append(group)
    return groups
