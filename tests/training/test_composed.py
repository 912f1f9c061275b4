"""Pages written on blank paper: what is on them is known to the last stroke."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the generator needs the extra `train`")

from imagefaulty.training.cells import CHANNELS, drawn_cells
from imagefaulty.training.faults import COMPOSED_KINDS, Materials, composed, draw
from imagefaulty.training.faults.book_hands import BookHand, book_hand, book_page
from imagefaulty.training.faults.drawn import Drawn
from imagefaulty.training.faults.early_prints import _SET, _forme, early_print
from imagefaulty.training.faults.founts import LONG_S, Style, fount
from imagefaulty.training.faults.layers import Layers
from imagefaulty.training.faults.spelling import hand, spelled
from imagefaulty.training.faults.typesetting import LAYOUTS, has_faces, typeset

_NO_PAGE = np.zeros((8, 8, 3), np.uint8)


def _drawn(kind: str, seed: int) -> Drawn:
    return draw(kind, _NO_PAGE, labels={}, materials=Materials(), rng=np.random.default_rng([9, seed]))


@pytest.mark.parametrize("kind", COMPOSED_KINDS)
def test_label_says_whose_hands_are_marked(kind: str) -> None:
    for seed in range(4):
        one = _drawn(kind, seed)
        hands = {region.kind for region in one.regions}
        expected = {
            ("handwriting",): "Handwritten", ("print",): "Typewritten", ("handwriting", "print"): "Combination"
        }[tuple(sorted(hands))]  # fmt: skip
        assert one.labels == {"post_it": "ok", "corner": "ok", "empty": "ok", "writing_type": expected}
        assert kind not in {"hand-page", "book-page"} or expected == "Handwritten"
        assert kind not in {"type-page", "early-print"} or expected == "Typewritten"


@pytest.mark.parametrize("kind", COMPOSED_KINDS)
def test_same_seed_gives_the_same_page(kind: str) -> None:
    one, two = _drawn(kind, 1), _drawn(kind, 1)
    assert one.recipe == two.recipe
    assert np.array_equal(one.pixels, two.pixels)


def test_register_has_print_in_its_heads_and_handwriting_below() -> None:
    pages = [_drawn("register", seed) for seed in range(6)]
    both = [one for one in pages if one.labels["writing_type"] == "Combination"]
    assert both
    for one in both:
        boxes = {region.kind: region.box for region in one.regions}
        print_end = boxes["print"][1] + boxes["print"][3]
        assert print_end < boxes["handwriting"][1] + boxes["handwriting"][3]
    bare = [one for one in pages if one not in both]
    assert all(one.recipe.startswith("register/no print") for one in bare)


def test_book_hand_is_broad_one_way_and_thin_the_other() -> None:
    """A pen held level draws uprights as broad as it is, one held upright draws them thin."""
    breadths = []
    for angle in (0.0, 90.0):
        scribe = BookHand(
            x_height=20, nib=0.3, angle=angle, thin=0.1, rounded=False, narrow=(1.0, 1.0), shortens=0.0, slant=0.0,
            unsteady=0.0,
        )  # fmt: skip
        line = scribe.line(600, np.random.default_rng(4), fills=False)
        assert line.shape == (scribe.rows, 600)
        breadths.append(2 * float(line.sum() / np.abs(np.diff(line, axis=1)).sum()))
    assert breadths[0] > 1.5 * breadths[1]


def test_line_of_prose_fills_its_column() -> None:
    scribe = book_hand(np.random.default_rng(1), x_height=9)
    for seed in range(4):
        line = scribe.line(400, np.random.default_rng(seed), fills=True)
        assert np.flatnonzero(line.max(axis=0) > 0.3)[-1] > 370


def test_red_of_a_book_page_is_of_the_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert book_page(500, 700, np.random.default_rng(5)).red.any()
    nothing, red = np.zeros((700, 500), np.float32), np.zeros((700, 500), np.float32)
    red[300:340, 100:400] = 1
    layers = {"book-page": lambda *_: Layers(nothing, nothing, nothing, "red alone", red)}
    monkeypatch.setattr(composed, "LAYERS", layers)
    assert {region.kind for region in _drawn("book-page", 1).regions} == {"handwriting"}


def test_red_of_an_early_print_is_of_the_press(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, red = np.zeros((700, 500), np.float32), np.zeros((700, 500), np.float32)
    red[300:340, 100:400] = 1
    layers = {"early-print": lambda *_: Layers(nothing, nothing, nothing, "red alone", red, "print")}
    monkeypatch.setattr(composed, "LAYERS", layers)
    assert {region.kind for region in _drawn("early-print", 1).regions} == {"print"}


def test_some_early_prints_are_red_and_black() -> None:
    pages = [early_print(400, 560, np.random.default_rng(seed)) for seed in range(20)]
    assert 0 < sum(page.red.any() for page in pages) < len(pages) / 2
    assert all(page.text.shape == page.back.shape == page.red.shape == (560, 400) for page in pages)


@pytest.mark.parametrize("layout", list(_SET))
def test_early_print_is_set_in_every_layout(layout: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        forme = _forme(layout, 400, 560, rng)
        _SET[layout](forme, rng)
        inked = np.maximum(forme.text, forme.red) > 0.4
        assert 0.005 < float(inked.mean()) < 0.5
        assert not inked[:, :4].any()


@pytest.mark.parametrize("style", get_args(Style))
def test_letters_of_a_fount_are_all_alike(style: Style) -> None:
    """Print's letters have one shape, up to the ink on them; a book hand's have not."""
    type_ = replace(fount(np.random.default_rng(2), style, 24), slack=0.0)
    one, two = (type_.line("n", np.random.default_rng(seed)) for seed in (3, 4))
    assert float(one.max()) > 0.5
    assert np.allclose(one / one.max(), two / two.max(), atol=0.03)


def test_line_of_type_ends_at_the_margin() -> None:
    type_ = fount(np.random.default_rng(1), "roman", 13)
    for text in ("ab initio erat", "in principio erat verbum et"):
        line = type_.line(text, np.random.default_rng(5), width=300)
        assert abs(int(np.flatnonzero(line.max(axis=0) > 0.3)[-1]) - 301) < 4


@pytest.mark.skipif(not has_faces(), reason="Pillow's own face has no long s; Matplotlib's come with the extra `train`")
def test_long_s_stands_within_words_and_letters_are_joined() -> None:
    roman = fount(np.random.default_rng(1), "roman", 13)
    assert roman.pieces("sensus afficit.") == f"{LONG_S}en{LONG_S}us a\ufb03cit."
    assert fount(np.random.default_rng(1), "modern", 13).pieces("sensus afficit.") == "sensus afficit."


def test_cells_without_strokes_are_known_to_hold_none() -> None:
    one = _drawn("form", 2)
    cells = drawn_cells(one, {"empty": "empty"}, rows=40, columns=28)
    content = cells[CHANNELS.index("content")]
    assert (content == 1).any()
    assert (content == 0).any()
    assert (cells[CHANNELS.index("handwriting")] == 1).any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_type_is_set_in_every_layout(layout: str) -> None:
    alpha = typeset(np.random.default_rng(3), layout, width=360, height=500)
    assert alpha.shape == (500, 360)
    assert alpha.dtype == np.float32
    assert 0.003 < float((alpha > 0.4).mean()) < 0.5
    assert float(alpha.max()) <= 1


def test_letters_of_a_hand_vary_but_stand_on_one_line() -> None:
    writer = hand(np.random.default_rng(4), capital=14, pen=1.5)
    first, second, _ = writer.glyphs["n"]
    assert first.shape[0] == second.shape[0] == writer.rows
    assert first.shape != second.shape or not np.array_equal(first, second)
    line = writer.line("ne minoren", np.random.default_rng(5), width=200)
    assert line.shape == (writer.rows + 4, 200)
    assert (line > 0.4).sum() > 40


def test_spelled_block_is_filled_down_to_its_foot() -> None:
    block = spelled(np.random.default_rng(6), width=300, height=400, capital=12, pen=1.4)
    inked = np.flatnonzero((block > 0.4).any(axis=1))
    assert inked[0] < 60
    assert inked[-1] > 330
