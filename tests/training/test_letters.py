"""Letters and copies lose paper in the faulty kinds alone; their twins are aged and laid out, and stay whole."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the generator needs the extra `train`")

from imagefaulty.training.faults import Materials, draw
from imagefaulty.training.faults.copy_corners import copy_corner, whole_copy
from imagefaulty.training.faults.letters import kept_letter, tattered
from imagefaulty.training.faults.sheet import Sheet, placed

SEEDS = range(24)
LABELS = {"writing_type": "Handwritten", "post_it": "ok", "corner": "ok", "empty": "ok"}


def _page() -> np.ndarray:
    page = np.full((900, 640, 3), (226, 218, 200), np.uint8)
    page[100:800:18, 80:560] = 60
    return page


def _placed(seed: int) -> tuple[Sheet, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return placed(_page(), materials=Materials(), rng=rng, share=0.0, trim="paper"), rng


def test_tattered_letters_lose_little_and_each_kind_comes_up() -> None:
    seen = set()
    for seed in range(40):
        sheet, rng = _placed(seed)
        change = tattered(sheet, Materials(), rng)
        seen.add(change.detail.partition("/")[0])
        assert change.mask.any()
        assert float((change.mask > 0.3).mean()) < 0.25
        assert change.sound is not None
        away = np.abs(change.sheet.pixels.astype(int) - change.sound).max(axis=2)
        assert (away[change.mask > 0.3] > 14).sum() > 60
    assert seen == {"corner", "frays", "steps", "folds", "dog-ear", "cut"}


def test_kept_letters_are_marked_nowhere_and_each_kind_comes_up() -> None:
    seen = set()
    for seed in range(40):
        sheet, rng = _placed(seed)
        change = kept_letter(sheet, Materials(), rng)
        seen.add(change.detail.partition("/")[0])
        assert not change.mask.any()
        assert change.mask.shape == change.sheet.pixels.shape[:2]
    assert seen == {"posted", "panel", "envelope", "mourning", "copy"}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_envelope_shows_a_part_of_the_page_so_its_writing_is_unknown(seed: int) -> None:
    one = draw("kept-letter", _page(), labels=LABELS, materials=Materials(), rng=np.random.default_rng(seed))
    unknown = {"writing_type", "empty"} if one.recipe.startswith("kept-letter/envelope") else set()
    assert one.labels == {name: label for name, label in LABELS.items() if name not in unknown}
    assert one.regions == ()


def test_a_letter_that_was_torn_before_is_not_called_whole() -> None:
    torn = LABELS | {"corner": "folded_corner"}
    one = draw("kept-letter", _page(), labels=torn, materials=Materials(), rng=np.random.default_rng(1))
    assert "corner" not in one.labels


@pytest.mark.parametrize("seed", SEEDS)
def test_a_corner_of_a_copy_is_turned_and_the_rest_is_as_it_was(seed: int) -> None:
    sheet, rng = _placed(seed)
    change = copy_corner(sheet, Materials(), rng)
    assert change.sound is not None
    away = np.abs(change.sheet.pixels.astype(int) - change.sound).max(axis=2) > 40
    inside = change.mask > 0
    assert away[inside].sum() > 60
    assert away[~inside].mean() < 0.01
    rows, columns = np.nonzero(change.mask > 0.5)
    assert np.ptp(rows) < 0.5 * inside.shape[0]
    assert np.ptp(columns) < 0.5 * inside.shape[1]


def test_the_twin_of_a_copy_keeps_its_greys_or_is_black_and_white() -> None:
    for seed in range(12):
        sheet, rng = _placed(seed)
        change = whole_copy(sheet, rng)
        assert not change.mask.any()
        assert not change.sheet.tone.colour
        assert np.ptp(change.sheet.pixels.astype(int), axis=2).max() == 0
