"""Slips that clerks wrote on, typescripts that were gone over: print and hand know each other's place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the generator needs the extra `train`")

from imagefaulty.training.faults import Materials, composed, draw
from imagefaulty.training.faults.annotated import annotated_slip
from imagefaulty.training.faults.corrections import corrected
from imagefaulty.training.faults.layers import Inks, Layers
from imagefaulty.training.faults.pen_figures import SIGNS, pen_figures
from imagefaulty.training.faults.pens import Writer, inks_for, ring, scrawl, strike, tick, trace
from imagefaulty.training.faults.slips import set_slip, slip_paper
from imagefaulty.training.faults.till_slips import till_slip
from imagefaulty.training.faults.typescripts import lifted_typescript, set_typescript

_NO_PAGE = np.zeros((8, 8, 3), np.uint8)
_BOX = (60.0, 50.0, 120.0, 66.0)


def _bare() -> np.ndarray:
    return np.zeros((140, 200), np.float32)


@pytest.mark.parametrize("kind", ["annotated-slip", "corrected", "till-slip"])
def test_some_are_left_without_a_hand(kind: str) -> None:
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng([3, seed])
        one = draw(kind, _NO_PAGE, labels={}, materials=Materials(), rng=rng)
        seen.add(one.labels["writing_type"])
        hands = {region.kind for region in one.regions}
        assert "print" in hands
        assert ("handwriting" in hands) == (one.labels["writing_type"] == "Combination")
    assert seen == {"Combination", "Typewritten"}


@pytest.mark.parametrize("make", [annotated_slip, corrected, till_slip])
def test_what_is_written_can_be_seen(make: Callable[..., Layers]) -> None:
    for seed in range(10):
        layers = make(480, 700, Materials(), np.random.default_rng(seed))
        assert layers.print.shape == layers.hand.shape == layers.rules.shape == (700, 480)
        written = np.count_nonzero(layers.hand > 0.4)
        assert written == 0 or written >= 90
        assert (written == 0) == layers.detail.endswith(("nothing written", "as typed"))


@pytest.mark.parametrize("draws", [ring, strike, scrawl])
def test_stroke_lies_about_its_box(draws: Callable[..., None]) -> None:
    for seed in range(8):
        layer = _bare()
        draws(layer, _BOX, 1.6, np.random.default_rng(seed))
        rows, columns = np.nonzero(layer > 0.4)
        assert len(rows) > 30
        assert abs(float(columns.mean()) - 90) < 25
        assert abs(float(rows.mean()) - 58) < 16
        assert float(layer.max()) <= 1


def test_stroke_beside_the_paper_leaves_no_trace() -> None:
    layer = _bare()
    trace(layer, [(400, 20), (420, 60)], 2.0, np.random.default_rng(1))
    tick(layer, (-90, -90), 12, 2.0, np.random.default_rng(1))
    assert not layer.any()


def test_word_is_no_wider_than_there_is_room() -> None:
    rng = np.random.default_rng(2)
    writer = Writer.invented(Materials(), rng, capital=14, thick=1.4)
    long = writer.spell("incredibly", rng).shape[1]
    assert writer.word("incredibly", rng, most=long / 2).shape[1] < 0.65 * long


def test_figures_written_by_pen_are_as_high_as_asked_and_differ() -> None:
    found = [pen_figures("27.50", 30, 2.0, np.random.default_rng(seed)) for seed in range(8)]
    for figures in found:
        assert 25 < figures.shape[0] < 50
        assert 40 < figures.shape[1] < 180
        assert np.count_nonzero(figures > 0.4) > 150
    assert len({figures.shape for figures in found}) > 4


@pytest.mark.parametrize("sign", sorted(SIGNS))
def test_every_sign_leaves_ink(sign: str) -> None:
    assert (pen_figures(sign, 30, 2.0, np.random.default_rng(1)) > 0.4).any()


def test_text_that_has_no_signs_leaves_none() -> None:
    assert not pen_figures("??", 30, 2.0, np.random.default_rng(1)).any()


def test_back_of_a_slip_shows_through_palely_and_is_no_print() -> None:
    slips = [till_slip(420, 1000, Materials(), np.random.default_rng(seed)) for seed in range(12)]
    backs = [layer for slip in slips for layer, _ in slip.backs]
    assert len(backs) > 3
    assert all(0.01 < float(layer.max()) <= 0.3 for layer in backs)
    assert any(not slip.backs for slip in slips)


def test_back_is_laid_on_the_page_in_its_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    def redness(seed: int, *, strength: float) -> float:
        def made(_layout: str, width: int, height: int, _materials: Materials, _rng: np.random.Generator) -> Layers:
            bare, back = np.zeros((height, width), np.float32), np.full((height, width), strength, np.float32)
            inks = Inks((0.0,) * 3, (0.0,) * 3, "black", 1.0, 0.0)
            return Layers(bare, bare, bare, "", inks=inks, backs=((back, (255.0, 0.0, 0.0)),))

        monkeypatch.setattr(composed, "LAYERS", {"till-slip": made})
        page = draw("till-slip", _NO_PAGE, labels={}, materials=Materials(), rng=np.random.default_rng(seed)).pixels
        return float(page[..., 0].mean() - page[..., 1].mean())

    # A grey page stays grey.
    assert max(redness(seed, strength=0.3) - redness(seed, strength=0.0) for seed in range(6)) > 10


def test_places_of_sums_hold_print() -> None:
    for seed in range(6):
        slip = set_slip(420, 1000, np.random.default_rng(seed))
        for (left, top, right, bottom), text in (*slip.prices[:3], slip.total):
            assert float(text) > 0
            inside = slip.print[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
            assert float((inside > 0.3).mean()) > 0.02


def test_slip_is_narrower_than_high() -> None:
    height, width, _ = slip_paper(Materials(), np.random.default_rng(4)).shape
    assert height == 1024
    assert width < 0.81 * height


def test_places_of_words_hold_type() -> None:
    for seed in range(6):
        page = set_typescript(700, 1000, np.random.default_rng(seed))
        assert len(page.words) > 20
        shares = [
            float((page.print[int(top) : int(bottom), int(left) : int(right)] > 0.3).mean())
            for left, top, right, bottom in page.words
        ]
        assert np.mean(np.array(shares) > 0.02) > 0.9


def test_words_of_a_lifted_page_are_found() -> None:
    found = [lifted_typescript(700, 980, Materials(), np.random.default_rng(seed)) for seed in range(6)]
    pages = [page for page in found if page is not None]
    assert pages
    for page in pages:
        assert page.print.shape == (980, 700)
        left, top, right, bottom = (int(value) for value in page.words[0])
        assert page.print[top:bottom, left:right].max() > 0.4


def test_pale_pens_are_not_copied_and_none_is_lost_in_black_and_white() -> None:
    for seed in range(40):
        inks = inks_for((40.0, 40.0, 40.0), np.random.default_rng(seed), like_type=0.3, copies=0.5)
        assert (inks.copies == 0) == (inks.name == "pencil")
    assert Inks((150.0,) * 3, (160.0,) * 3, "pencil", 0.5, 0.0).on_bilevel().opacity == 1
