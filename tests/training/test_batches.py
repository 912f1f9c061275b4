"""Pages that get a part of another keep what is known of their cells, and only that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")

import torch

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.training.batches import Batch, noisy, patched
from imagefaulty.training.cells import CHANNELS

HAND, TYPE, BOTH, UNKNOWN = 0, 1, 2, -1
ROWS, COLUMNS = 10, 8
WRITING, CORNER = (CHECK_NAMES.index(name) for name in ("writing_type", "corner"))
NOTE_CHANNEL, CORNER_CHANNEL = (CHANNELS.index(name) for name in ("post_it", "corner"))
FOLDED = 1


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


def test_patch_leaves_it_open_whether_there_is_a_note() -> None:
    new = patched(_batch([HAND, TYPE] * 8), np.random.default_rng(2))
    changed = (_owners(new) != np.arange(16)[:, None, None]).any((1, 2))
    known = new.codes[:, CHECK_NAMES.index("post_it")].numpy() != UNKNOWN
    assert (known == ~changed).all()
    assert (new.cells[torch.from_numpy(changed), NOTE_CHANNEL] == UNKNOWN).all()


def test_patch_hides_only_folds_that_it_may_cover() -> None:
    """Pages that are folded in their last row, known to the cell."""
    batch = _batch([HAND, TYPE] * 8)
    batch.codes[:, CORNER] = FOLDED
    batch.cells[:, CORNER_CHANNEL, -1] = 1
    seen = set()
    for seed in range(8):
        new = patched(batch, np.random.default_rng(seed))
        patches = torch.from_numpy(_owners(new) != np.arange(16)[:, None, None])
        for page in range(16):
            covered = bool(patches[page, -1].any())
            assert (new.codes[page, CORNER] == UNKNOWN) == covered
            assert (new.cells[page, CORNER_CHANNEL, patches[page]] == UNKNOWN).all()
            kept = ~patches[page]
            assert torch.equal(new.cells[page, CORNER_CHANNEL, kept], batch.cells[page, CORNER_CHANNEL, kept])
            seen.add((bool(patches[page].any()), covered))
    assert seen == {(False, False), (True, False), (True, True)}


def test_sound_page_stays_sound_beneath_a_patch() -> None:
    new = patched(_batch([HAND, TYPE] * 8), np.random.default_rng(2))
    assert (new.codes[:, CORNER] == 0).all()


@pytest.mark.parametrize(("code", "cell"), [(FOLDED, 1), (FOLDED, UNKNOWN), (UNKNOWN, UNKNOWN)])
def test_sound_page_may_get_a_fold_with_its_patch(code: int, cell: int) -> None:
    """Typed pages are folded in their last row, or may be; those by hand are sound."""
    batch = _batch([HAND, TYPE] * 8)
    batch.codes[1::2, CORNER] = code
    batch.cells[1::2, CORNER_CHANNEL, -1] = cell
    seen = set()
    for seed in range(8):
        new = patched(batch, np.random.default_rng(seed))
        owners = _owners(new)
        for page in range(0, 16, 2):
            brought = any(owner % 2 for owner in set(owners[page, -1].tolist()))
            assert (new.codes[page, CORNER] == UNKNOWN) == brought
            seen.add((bool((owners[page] != page).any()), brought))
    assert seen == {(False, False), (True, False), (True, True)}


def test_doubt_about_the_writing_of_a_part_is_doubt_about_the_whole() -> None:
    batch = _batch([HAND, TYPE] * 8)
    batch.weights[1::2] = 0.2
    new = patched(batch, np.random.default_rng(2))
    mixed = new.codes[:, WRITING] == BOTH
    assert mixed.any()
    assert (new.weights[mixed, WRITING] == torch.tensor(0.2)).all()
    assert torch.equal(new.weights[:, CORNER], batch.weights[:, CORNER])


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


def test_noise_is_a_share_of_each_channels_spread_and_the_same_by_seed() -> None:
    torch.manual_seed(3)
    batch = replace(_batch([HAND, TYPE] * 8), early=torch.randn(16, 6, ROWS, COLUMNS))
    batch.early[:, 2] *= 50
    noise = noisy(batch, np.random.default_rng(1), share=0.1).early - batch.early
    spread = batch.early.std((0, 2, 3))
    assert torch.allclose(noise.std((0, 2, 3)), 0.1 * spread, rtol=0.15)
    assert torch.allclose(noise.mean((0, 2, 3)), torch.zeros(6), atol=float(0.02 * spread.max()))
    again = noisy(batch, np.random.default_rng(1), share=0.1).early - batch.early
    assert torch.equal(noise, again)
