"""Claims about the generator of training pages; most need no files, one looks at the labelled pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the generator needs the extra `train`")

from imagefaulty.checks import check_named
from imagefaulty.training.faults import (
    CORNER_KINDS,
    EMPTY_KINDS,
    HARMLESS_KINDS,
    KINDS,
    NOTE_KINDS,
    Drawn,
    Materials,
    copies,
    copy_corners,
    draw,
    finish,
    gallery,
    letters,
    loose,
    stand_ins,
)
from imagefaulty.training.faults.sheet import find_sheet, laid
from imagefaulty.training.faults.writing import handwriting_on_typed

#: Kinds that change the whole page, by laying it out anew or copying it, not only where the fault is.
REPRODUCED = {"loose-torn", "copy-fold", "copy-slip", "tattered", "copy-corner"}
TYPED = {"writing_type": "Typewritten", "post_it": "ok", "corner": "ok", "empty": "ok"}


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    return stand_ins.typed_page(np.random.default_rng(7))


@pytest.fixture(scope="module")
def drawn(page: np.ndarray) -> dict[str, Drawn]:
    """One page of every kind, from made-up materials."""
    materials = Materials()
    return {
        kind: draw(kind, page, labels=TYPED, materials=materials, rng=np.random.default_rng([3, number]))
        for number, kind in enumerate(KINDS)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_page_with_valid_labels(drawn: dict[str, Drawn], kind: str) -> None:
    one = drawn[kind]
    assert one.pixels.dtype == np.uint8
    assert one.pixels.ndim == 3
    assert one.pixels.shape[2] == 3
    assert max(one.pixels.shape) <= 1100
    for name, label in one.labels.items():
        assert label in check_named(name).class_names
    assert one.recipe.startswith(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_lie_inside_the_page_and_hold_their_masks(drawn: dict[str, Drawn], kind: str) -> None:
    for region in drawn[kind].regions:
        x, y, width, height = region.box
        assert min(x, y) >= 0
        assert width > 0
        assert height > 0
        assert x + width <= 1 + 1e-9
        assert y + height <= 1 + 1e-9
        assert region.mask is not None
        assert region.mask.shape == drawn[kind].pixels.shape[:2]
        rows, columns = np.nonzero(region.mask)
        assert rows.min() >= round(y * region.mask.shape[0])
        assert columns.max() < round((x + width) * region.mask.shape[1])


@pytest.mark.parametrize("kind", [*CORNER_KINDS, *NOTE_KINDS])
def test_a_drawn_fault_is_labelled_marked_and_seen(page: np.ndarray, kind: str) -> None:
    sheet = laid(find_sheet(page, materials=Materials(), rng=np.random.default_rng(1)), np.random.default_rng(1))
    one = draw(kind, sheet.pixels, labels=TYPED, materials=Materials(), rng=np.random.default_rng(5))
    expected = ("corner", "folded_corner") if kind in CORNER_KINDS else ("post_it", "post-it")
    assert one.labels[expected[0]] == expected[1]
    assert [region.check for region in one.regions] == [expected[0]]
    if kind in REPRODUCED:
        return
    changed = np.abs(one.pixels.astype(int) - sheet.pixels).max(axis=2) > 14
    assert changed.sum() > 60
    x, y, width, height = one.regions[0].box
    rows, columns = changed.shape
    pad = 40  # shadows reach out of the fault itself
    top, left = max(0, int(y * rows) - pad), max(0, int(x * columns) - pad)
    bottom, right = int((y + height) * rows) + pad, int((x + width) * columns) + pad
    inside = changed[top:bottom, left:right].sum()
    assert inside >= 0.98 * changed.sum()


@pytest.mark.parametrize("kind", HARMLESS_KINDS)
def test_harmless_things_leave_the_labels_as_they_were(drawn: dict[str, Drawn], kind: str) -> None:
    known = {name: label for name, label in TYPED.items() if kind != "bound" or name != "writing_type"}
    assert drawn[kind].labels == known  # beside a bound leaf lies another, whoever wrote it
    assert drawn[kind].regions == ()


@pytest.mark.parametrize("kind", sorted(REPRODUCED))
def test_a_fault_on_a_reproduced_page_is_seen_against_that_page(page: np.ndarray, kind: str) -> None:
    """The page itself changes all over, so the mask must hold a difference to the same page without the fault."""
    recipe = {
        "loose-torn": loose.loose_torn, "copy-fold": copies.copy_fold, "copy-slip": copies.copy_slip,
        "tattered": letters.tattered, "copy-corner": copy_corners.copy_corner,
    }[kind]  # fmt: skip
    sheet = find_sheet(page, materials=Materials(), rng=np.random.default_rng(1))
    for seed in range(6):
        change = recipe(sheet, Materials(), np.random.default_rng(seed))
        assert change.sound is not None
        assert change.sound.shape == change.sheet.pixels.shape
        away = np.abs(change.sheet.pixels.astype(int) - change.sound).max(axis=2)
        inside = change.mask > 0.3
        assert away[inside].mean() > away[change.mask <= 0].mean() or away[inside].max() > 14


def test_a_hand_added_to_a_copy_is_black_and_marked(page: np.ndarray) -> None:
    sheet = copies.as_copy(
        find_sheet(page, materials=Materials(), rng=np.random.default_rng(1)), np.random.default_rng(1), ground=0.0
    )
    assert sheet.tone.bilevel
    change = handwriting_on_typed(sheet, Materials(), np.random.default_rng(4))
    added = (change.sheet.pixels[..., 0] < 60) & (sheet.pixels[..., 0] > 200)
    assert added.sum() > 20
    assert (change.mask[added] > 0.3).mean() > 0.95


def test_print_laid_on_a_handwritten_page_leaves_its_hand_unknown(page: np.ndarray) -> None:
    labels = TYPED | {"writing_type": "Handwritten"}
    one = draw("printed-marks", page, labels=labels, materials=Materials(), rng=np.random.default_rng(3))
    assert "writing_type" not in one.labels


def test_a_note_makes_the_writing_type_unknown(drawn: dict[str, Drawn]) -> None:
    assert "writing_type" not in drawn["note-drawn"].labels
    assert drawn["note-drawn"].labels["empty"] == "ok"


def test_empty_pages_bring_all_labels_that_they_know(drawn: dict[str, Drawn]) -> None:
    assert drawn["blank"].labels == {"post_it": "ok", "corner": "ok", "empty": "empty"}
    nearly = drawn["nearly-empty"]
    assert nearly.labels["empty"] == "ok"
    assert len(nearly.regions) == 1


def test_handwriting_on_a_typed_page_is_a_combination_and_is_marked(drawn: dict[str, Drawn]) -> None:
    one = drawn["handwriting-on-typed"]
    assert one.labels["writing_type"] == "Combination"
    assert [(region.kind, region.check) for region in one.regions] == [("handwriting", "writing_type")]


def test_writing_on_a_page_of_unknown_hand_stays_unknown(page: np.ndarray) -> None:
    one = draw("handwriting-on-typed", page, labels={}, materials=Materials(), rng=np.random.default_rng(2))
    assert "writing_type" not in one.labels


@pytest.mark.parametrize("kind", ["fold-over", "edge-torn", "note-drawn", "blank", "handwriting-on-typed", "gutter"])
def test_the_same_seed_gives_the_same_page(page: np.ndarray, kind: str) -> None:
    twins = []
    for _ in range(2):
        rng = np.random.default_rng(11)
        twins.append(finish(draw(kind, page, labels=TYPED, materials=Materials(), rng=rng), rng=rng))
    assert np.array_equal(twins[0].pixels, twins[1].pixels)
    assert twins[0].recipe == twins[1].recipe
    other = draw(kind, page, labels=TYPED, materials=Materials(), rng=np.random.default_rng(12))
    assert other.pixels.shape != twins[0].pixels.shape or not np.array_equal(other.pixels, twins[0].pixels)


def test_the_given_page_is_not_written_to(page: np.ndarray, drawn: dict[str, Drawn]) -> None:
    assert len(drawn) == len(KINDS)
    assert np.array_equal(page, stand_ins.typed_page(np.random.default_rng(7)))


def test_faulty_and_clean_pages_get_the_same_finish(drawn: dict[str, Drawn]) -> None:
    """With the same chances, the finish changes both alike: frame, light, noise and compression know no kind."""
    shapes = set()
    for kind in ("clean", "fold-over"):
        one = drawn[kind]
        plain = Drawn(drawn["clean"].pixels, one.labels, (), "same")
        shapes.add(finish(plain, rng=np.random.default_rng(6)).pixels.tobytes())
    assert len(shapes) == 1


def test_the_finish_keeps_masks_on_the_page(drawn: dict[str, Drawn]) -> None:
    for seed in range(12):
        one = finish(drawn["fold-over"], rng=np.random.default_rng(seed))
        assert all(region.mask is not None for region in one.regions)
        assert all(region.mask.shape == one.pixels.shape[:2] for region in one.regions if region.mask is not None)


def test_a_sheet_on_a_black_bed_is_found(page: np.ndarray) -> None:
    bed = np.full((1024, 800, 3), 8, np.uint8)
    bed[60:964, 50:702] = page[:904, :652]
    sheet = find_sheet(bed, materials=Materials(), rng=np.random.default_rng(0))
    assert sheet.framed
    assert np.abs(sheet.quad - np.array([[50, 60], [702, 60], [702, 964], [50, 964]])).max() < 9


def test_a_page_without_a_bed_is_its_own_outline(page: np.ndarray) -> None:
    sheet = find_sheet(page, materials=Materials(), rng=np.random.default_rng(0))
    assert not sheet.framed
    assert sheet.quad[2].tolist() == [page.shape[1], page.shape[0]]


def test_a_page_with_a_real_fault_is_kept_whole(page: np.ndarray) -> None:
    torn = page.copy()
    torn[:90, 200:] = 4
    torn[:, -60:] = 4
    labels = TYPED | {"corner": "folded_corner"}
    one = draw("clean", torn, labels=labels, materials=Materials(), rng=np.random.default_rng(0))
    assert np.array_equal(one.pixels, torn)
    assert one.labels == labels
    cut = draw("crop", torn, labels=labels, materials=Materials(), rng=np.random.default_rng(0))
    assert "corner" not in cut.labels


def test_an_unknown_kind_is_refused_by_name(page: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"unknown kind 'origami'.*fold-over"):
        draw("origami", page, labels={}, materials=Materials(), rng=np.random.default_rng(0))


def test_the_gallery_works_without_any_files(tmp_path: Path) -> None:
    files = gallery(tmp_path, data=None, seed=1, per_kind=1, kinds=("fold-over", *EMPTY_KINDS))
    assert [file.name for file in files] == ["fold-over.webp", "blank.webp", "nearly-empty.webp"]
    assert all(file.stat().st_size > 500 for file in files)


@pytest.mark.shared
def test_held_out_sources_lend_nothing(shared_folder: Path) -> None:
    everything = Materials.load(shared_folder / "data")
    assert len(everything.notes) > 100
    source = "HTR-United/tapuscorpus"
    held_out = Materials.load(shared_folder / "data", exclude={source})
    gone = set(everything.prints) - set(held_out.prints)
    assert gone
    assert all("HTR-United__tapuscorpus" in str(file) for file in gone)
