"""Seals, cords and struck-out space change a page where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the generator needs the extra `train`")

from imagefaulty.training.faults import Materials, draw
from imagefaulty.training.faults.deeds import sealed, struck_out
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.sheet import placed

RECIPES = {"struck-out": struck_out, "sealed": sealed}


def _page() -> np.ndarray:
    page = np.full((900, 640, 3), 232, np.uint8)
    page[100:500:18, 80:560] = 60
    return page


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_change_can_be_seen_and_is_no_fault(recipe: Callable[..., Change]) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sheet = placed(_page(), materials=Materials(), rng=rng)
        change = recipe(sheet, Materials(), rng)
        differs = (np.abs(change.sheet.pixels.astype(int) - sheet.pixels.astype(int)) > 14).any(axis=-1)
        assert 60 < int(differs.sum()) < 0.3 * differs.size
        assert not change.mask.any()


def test_wax_cord_and_both_come_up_and_leave_the_labels() -> None:
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        one = draw("sealed", _page(), labels={"corner": "ok"}, materials=Materials(), rng=rng)
        seen.add(one.recipe)
        assert one.labels == {"corner": "ok"}
    assert seen == {"sealed/wax", "sealed/cord", "sealed/wax and cord"}
