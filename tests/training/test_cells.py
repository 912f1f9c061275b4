"""What is known per cell follows from labels and drawn regions, and nothing else is claimed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="marking cells needs the extra `train`")

from imagefaulty.training.cells import CHANNELS, UNKNOWN, drawn_cells, known_cells
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
