"""Pages that get a part of another keep what is known of their cells, and only that."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")

import torch

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.training.batches import Batch, patched

HAND, TYPE, BOTH, UNKNOWN = 0, 1, 2, -1
ROWS, COLUMNS = 10, 8
WRITING = CHECK_NAMES.index("writing_type")


def _batch(hands: list[int], *, blank: tuple[int, ...] = ()) -> Batch:
    """Pages that are known to be sound; the value of a cell tells the page."""
    torch.manual_seed(0)
    count = len(hands)
    early = torch.randn(count, 6, ROWS, COLUMNS) + 100 * torch.arange(count)[:, None, None, None]
    for page in blank:
        early[page] = 100 * page
        early[page, :, :2] += torch.randn(6, 2, COLUMNS)
    codes = torch.zeros(count, 4, dtype=torch.int64)
    codes[:, WRITING] = torch.tensor(hands)
    cells = torch.zeros(count, 5, ROWS, COLUMNS)
    cells[:, 0], cells[:, 1] = UNKNOWN, UNKNOWN
    for page, hand in enumerate(hands):
        if hand in {HAND, TYPE}:
            cells[page, 1 - hand] = 0
    return Batch(early, codes, torch.ones(count, 4), cells)


def _owners(batch: Batch) -> np.ndarray:
    """The page that each cell comes from."""
    return np.rint(batch.early.mean(1).numpy() / 100).astype(int)


def test_hand_beside_type_is_a_combination_of_which_each_part_is_known() -> None:
    batch = _batch([HAND, TYPE] * 8)
    new = patched(batch, np.random.default_rng(2))
    owners = _owners(new)
    changed = [page for page in range(16) if (owners[page] != page).any()]
    assert 4 <= len(changed) <= 8
    for page in changed:
        (other,) = set(owners[page].ravel().tolist()) - {page}
        same = batch.codes[page, WRITING] == batch.codes[other, WRITING]
        assert new.codes[page, WRITING] == (batch.codes[page, WRITING] if same else BOTH)
        for owner in (page, other):
            here = torch.from_numpy(owners[page] == owner)
            assert torch.equal(new.cells[page, :3, here], batch.cells[owner, :3, here])


def test_patch_leaves_it_open_whether_there_is_a_note_or_a_fold() -> None:
    new = patched(_batch([HAND, TYPE] * 8), np.random.default_rng(2))
    changed = (_owners(new) != np.arange(16)[:, None, None]).any((1, 2))
    for name in ("post_it", "corner"):
        known = new.codes[:, CHECK_NAMES.index(name)].numpy() != UNKNOWN
        assert (known == ~changed).all()
    assert (new.cells[torch.from_numpy(changed), 3:] == UNKNOWN).all()


def test_pages_of_both_hands_and_unlabelled_ones_stay_as_they_are() -> None:
    batch = _batch([BOTH, UNKNOWN] * 4)
    new = patched(batch, np.random.default_rng(0))
    assert torch.equal(new.early, batch.early)
    assert torch.equal(new.codes, batch.codes)


def test_part_without_a_stroke_is_not_put_on_a_page() -> None:
    """A page that is written at its top alone: its lower parts would make a combination of nothing."""
    batch = _batch([HAND, TYPE, TYPE, TYPE], blank=(0,))
    combinations = 0
    for seed in range(40):
        new = patched(batch, np.random.default_rng(seed))
        for page in range(1, 4):
            if new.codes[page, WRITING] == BOTH:
                assert (_owners(new)[page, :3] == 0).any()
                combinations += 1
    assert combinations
