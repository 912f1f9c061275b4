"""What is known per cell follows from labels and drawn regions, and nothing else is claimed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="marking cells needs the extra `train`")

from imagefaulty.training.cells import CHANNELS, FIRST_BOX, UNKNOWN, Place, drawn_cells, known_cells, placed_cells
from imagefaulty.training.faults import Drawn, Region

SIZE = {"rows": 8, "columns": 6}


def _layer(cells: np.ndarray, channel: str) -> np.ndarray:
    layer: np.ndarray = cells[CHANNELS.index(channel)]
    return layer


def test_typed_page_has_no_handwriting_in_any_cell_and_unknown_print() -> None:
    cells = known_cells({"writing_type": "Typewritten"}, **SIZE)
    assert (_layer(cells, "handwriting") == 0).all()
    assert (_layer(cells, "print") == UNKNOWN).all()
    assert (_layer(cells, "corner") == UNKNOWN).all()


def test_empty_page_holds_nothing_anywhere() -> None:
    cells = known_cells({"empty": "empty"}, **SIZE)
    assert all((_layer(cells, channel) == 0).all() for channel in ("handwriting", "print", "content"))


def test_drawn_note_is_marked_and_its_rim_is_left_open() -> None:
    mask = np.zeros((80, 60), np.uint8)
    mask[20:45, 10:30] = 1
    drawn = Drawn(
        np.zeros((80, 60, 3), np.uint8),
        {"post_it": "post-it"},
        (Region("note", "post_it", (10 / 60, 0.25, 20 / 60, 25 / 80), mask),),
        "note",
    )
    notes = _layer(drawn_cells(drawn, {"post_it": "ok"}, **SIZE), "post_it")
    assert (notes[2:4, 1:3] == 1).all()
    assert (notes[1, 1:3] == UNKNOWN).all()
    assert notes[7, 5] == 0


def test_fault_on_a_page_that_was_not_examined_leaves_the_rest_unknown() -> None:
    mask = np.zeros((80, 60), np.uint8)
    mask[:20, :20] = 1
    drawn = Drawn(
        np.zeros((80, 60, 3), np.uint8),
        {"corner": "folded_corner"},
        (Region("fold", "corner", (0, 0, 1 / 3, 0.25), mask),),
        "fold",
    )
    folds = _layer(drawn_cells(drawn, {}, **SIZE), "corner")
    assert (folds[:2, :2] == 1).all()
    assert folds[7, 5] == UNKNOWN


def test_box_says_that_something_is_in_it_and_nothing_outside_of_its_rim() -> None:
    cells = placed_cells([Place(0.0, 0.0, 0.34, 0.25, sure=True)], **SIZE)
    assert (cells[:2, :2] == FIRST_BOX).all()
    assert (cells[2, :3] == UNKNOWN).all()
    assert (cells[:2, 2] == UNKNOWN).all()
    assert (cells[3:] == 0).all()
    assert (cells[:, 3:] == 0).all()


def test_place_that_may_hold_something_says_nothing() -> None:
    cells = placed_cells([Place(0.5, 0.5, 0.99, 0.99, sure=False)], **SIZE)
    assert (cells[4:, 3:] == UNKNOWN).all()
    assert (cells == UNKNOWN).sum() == 4 * 3


def test_boxes_are_told_apart_and_a_small_one_is_not_lost_in_a_large_one() -> None:
    small, large = Place(0.0, 0.0, 0.16, 0.12, sure=True), Place(0.0, 0.0, 1.0, 0.5, sure=True)
    cells = placed_cells([small, large], **SIZE)
    assert cells[0, 0] == FIRST_BOX + 1
    assert (cells[1:4] == FIRST_BOX).all()


@pytest.mark.parametrize("place", [Place(0.99, 0.99, 1.0, 1.0, sure=True), Place(0.0, 0.0, 0.01, 0.01, sure=True)])
def test_box_smaller_than_a_cell_keeps_one(place: Place) -> None:
    assert (placed_cells([place], **SIZE) == FIRST_BOX).sum() == 1


def test_box_moves_with_a_page_that_is_turned() -> None:
    place = Place(0.0, 0.0, 0.34, 0.25, sure=True)
    turned = placed_cells([place.turned()], **SIZE)
    assert (turned == placed_cells([place], **SIZE)[::-1, ::-1]).all()
