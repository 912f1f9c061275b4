import numpy as np
import pytest
from numpy.typing import NDArray

from imagefaulty.evidence import heat_map, regions
from imagefaulty.network import EvidenceMap, Placement
from imagefaulty.pages import Page


def _page(dpi: float | None = 254) -> Page:
    pixels = np.zeros((80, 60, 3), np.uint8)
    return Page(pixels, index=0, count=1, original_size=(600, 800), dpi=dpi, format="JPEG", sha256="")


def _map(marks: dict[tuple[int, int], float], placement: Placement | None = None) -> EvidenceMap:
    logits: NDArray[np.float32] = np.full((8, 6), -8, np.float32)
    for cell, value in marks.items():
        logits[cell] = value
    return EvidenceMap(logits, placement or Placement())


def test_a_mark_becomes_a_box_in_px_and_in_mm() -> None:
    (region,) = regions(_map({(0, 4): 3, (0, 5): 4, (1, 5): 3}), _page())
    assert region.box == (400, 0, 200, 200)
    assert region.box_mm == pytest.approx((40, 0, 20, 20))
    assert region.score == pytest.approx(1 / (1 + np.exp(-4)))


def test_marks_apart_are_regions_of_their_own_strongest_first() -> None:
    found = regions(_map({(0, 0): 2, (7, 5): 5}), _page())
    assert [region.box[:2] for region in found] == [(500, 700), (0, 0)]


def test_cells_that_touch_at_a_corner_are_one_region() -> None:
    assert len(regions(_map({(2, 2): 4, (3, 3): 4}), _page())) == 1


def test_a_quiet_map_has_no_region() -> None:
    assert regions(_map({(2, 2): -4}), _page()) == ()


def test_without_a_resolution_there_are_no_millimetres() -> None:
    (region,) = regions(_map({(2, 2): 4}), _page(dpi=None))
    assert region.box_mm is None
    assert region.to_dict()["box_mm"] is None


def test_letterbox_padding_is_cut_off_before_cells_become_boxes() -> None:
    letterboxed = _map({(4, 1): 4}, Placement(left=1 / 6, width=4 / 6))
    assert heat_map(letterboxed).shape == (8, 4)
    (region,) = regions(letterboxed, _page())
    assert region.box == (0, 400, 150, 100)
