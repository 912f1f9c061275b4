"""Samples are the same every time, keep to their fold, and carry no label that is not trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="drawing needs the extra `train`")

from imagefaulty.bundle import InputSpec
from imagefaulty.training import samples as samples_module
from imagefaulty.training.added import UNSURE
from imagefaulty.training.cells import CHANNELS, FIRST_BOX, Place
from imagefaulty.training.manifest import Manifest, PageRecord, read_manifest
from imagefaulty.training.samples import (
    ADDED_WEIGHT,
    AS_IS,
    CLOSER,
    RARE_REPEATS,
    Rendered,
    Sample,
    SampleRenderer,
    closer,
    plan,
    trusted_labels,
    with_added,
)
from tests.training.pages import four_pages

SPEC = InputSpec("image", width=64, height=96)


def _record(notes: str = "", **labels: str) -> PageRecord:
    return PageRecord("x.png", labels, "source", "source", notes=notes)


def test_plan_is_the_same_every_time_and_holds_every_page_as_it_is() -> None:
    records = tuple(_record(writing_type=kind, corner="ok") for kind in ("Handwritten", "Typewritten"))
    manifest = Manifest(Path(), records)
    samples = plan(manifest, [0, 1], counts={"fold-over": 3, "handwriting-on-typed": 2})
    assert samples == plan(manifest, [0, 1], counts={"fold-over": 3, "handwriting-on-typed": 2})
    assert sorted(each.record for each in samples if each.kind == AS_IS) == [0, 1]
    assert {each.record for each in samples if each.kind == "handwriting-on-typed"} == {1}
    assert all(each.fold == each.record for each in samples)


def test_minor_second_hand_teaches_nothing_about_writing() -> None:
    labels, _ = trusted_labels(_record("minor:folio number", writing_type="Combination", empty="ok"))
    assert labels == {"empty": "ok"}


def test_page_that_nobody_examined_for_folds_counts_little_as_sound() -> None:
    labels, weights = trusted_labels(_record(post_it="ok"))
    assert labels["corner"] == "ok"
    assert weights["corner"] < 0.5


def test_torn_parchment_counts_little() -> None:
    _, weights = trusted_labels(_record("torn; parchment", corner="folded_corner"))
    assert weights["corner"] < 0.5


def test_renderer_gives_what_the_network_takes(tmp_path: Path) -> None:
    manifest = read_manifest(four_pages(tmp_path))
    (tmp_path / "materials.csv").write_text("file,kind,source,notes\n", encoding="utf-8")
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    head, *rows = text.splitlines()
    (tmp_path / "manifest.csv").write_text(
        "\n".join([head + ",period", *(row + "," for row in rows)]), encoding="utf-8"
    )
    renderer = SampleRenderer(manifest, [0, 0, 1, 1], SPEC, rows=6, columns=4)
    rendered = renderer.render(Sample(record=1, kind=AS_IS, seed=0, fold=0))
    assert rendered.image.shape == (1, 96, 64, 3)
    assert rendered.image.dtype == np.uint8
    assert rendered.codes.tolist() == [1, -1, -1, 0]
    assert rendered.cells.shape == (5, 6, 4)


def test_part_of_a_page_holds_its_share_of_the_ink() -> None:
    """A page that is written in its upper third alone."""
    page = np.full((300, 200, 3), 240, np.uint8)
    page[20:100:8, 20:180:3] = 20
    for seed in range(20):
        part = closer(page, {"writing_type": "Typewritten"}, np.random.default_rng(seed))
        assert part.pixels.shape < page.shape
        assert (part.pixels < 100).any()
        assert part.labels == {"writing_type": "Typewritten"}


def test_parts_are_taken_of_sound_pages_of_one_hand() -> None:
    hands = ("Handwritten", "Typewritten", "Combination")
    records = (*(_record(writing_type=hand) for hand in hands), _record(writing_type="Handwritten", post_it="post-it"))
    samples = plan(Manifest(Path(), records), [0, 1, 2, 3], counts={CLOSER: 30})
    assert {each.record for each in samples if each.kind == CLOSER} == {0, 1}


def test_kinds_that_come_last_leave_the_seeds_of_the_others() -> None:
    manifest = Manifest(Path(), tuple(_record(writing_type="Typewritten", corner="ok") for _ in range(4)))
    before = plan(manifest, [0, 1, 2, 3], counts={"fold-over": 5})
    assert set(before) <= set(plan(manifest, [0, 1, 2, 3], counts={"fold-over": 5, CLOSER: 5}))


def test_late_kinds_follow_all_others() -> None:
    manifest = Manifest(Path(), tuple(_record(writing_type="Typewritten", corner="ok") for _ in range(4)))
    before = plan(manifest, [0, 1, 2, 3], counts={"fold-over": 5}, late={})
    after = plan(manifest, [0, 1, 2, 3], counts={"fold-over": 5}, late={"till-slip": 3})
    assert after[: len(before)] == before
    assert [sample.kind for sample in after[len(before) :]] == ["till-slip"] * 3
    later = plan(manifest, [0, 1, 2, 3], counts={"fold-over": 5}, late={"till-slip": 3, "stamp": 2})
    assert later[: len(after)] == after


def test_letters_are_mostly_drawn_on_sound_pages_written_by_hand() -> None:
    records = tuple(
        _record(writing_type=hand, corner=corner)
        for hand, corner in (("Handwritten", "ok"), ("Typewritten", "ok"), ("Handwritten", "folded_corner"))
    )
    samples = plan(Manifest(Path(), records), [0, 1, 2], counts={"tattered": 60, "kept-letter": 60})
    torn, whole = ([each.record for each in samples if each.kind == kind] for kind in ("tattered", "kept-letter"))
    assert set(torn) == {0, 1}  # a page that is torn already tells nothing of what was drawn
    assert min(torn.count(0), whole.count(0)) > 36


def test_space_is_struck_out_on_written_pages_only() -> None:
    """A pen's strokes on a typed page might make it one of both hands."""
    hands = ("Handwritten", "Typewritten", "Combination")
    records = tuple(_record(writing_type=hand) for hand in hands)
    samples = plan(Manifest(Path(), records), [0, 1, 2], counts={"struck-out": 30})
    assert {each.record for each in samples if each.kind == "struck-out"} == {0, 2}


_CORNER = 2


def _rendered(code: int) -> Rendered:
    cells = np.zeros((len(CHANNELS), 6, 4), np.int8)
    cells[CHANNELS.index("corner"), 0, 0] = code
    codes = np.array([0, 0, code, 0], np.int8)
    return Rendered(np.zeros((1, 96, 64, 3), np.uint8), codes, np.full(4, 0.3, np.float32), cells, "")


def _seen(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    monkeypatch.setattr(samples_module, "added_corner", lambda _record: label)


@pytest.mark.parametrize("kind", [AS_IS, "clean"])
def test_page_that_was_seen_to_be_torn_teaches_so_but_not_where(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _seen(monkeypatch, "folded_corner")
    found = with_added(_rendered(0), _record(), kind)
    assert found.codes.tolist() == [0, 0, 1, 0]
    assert found.weights[_CORNER] == np.float32(ADDED_WEIGHT)
    assert (found.cells[CHANNELS.index("corner")] == -1).all()
    assert (found.cells[CHANNELS.index("post_it")] == 0).all()


@pytest.mark.parametrize("kind", [CLOSER, "stamp", "slip", "handwriting-on-typed"])
def test_what_is_drawn_on_a_torn_page_may_cover_the_tear(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _seen(monkeypatch, "folded_corner")
    assert with_added(_rendered(0), _record(), kind).codes[_CORNER] == -1


def test_fold_that_is_drawn_on_a_torn_page_is_not_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, "folded_corner")
    found = with_added(_rendered(1), _record(), "fold-over")
    assert found.codes[_CORNER] == 1
    corner = found.cells[CHANNELS.index("corner")]
    assert corner[0, 0] == 1
    assert (corner.reshape(-1)[1:] == -1).all()


def test_sound_page_that_was_looked_at_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, "ok")
    found = with_added(_rendered(0), _record(), "stamp")
    assert found.codes[_CORNER] == 0
    assert found.weights[_CORNER] == np.float32(ADDED_WEIGHT)


@pytest.mark.parametrize(("kind", "code"), [(AS_IS, 0), ("clean", 0), ("stamp", -1)])
def test_sound_page_of_which_nothing_was_known_teaches_so_where_it_is_whole(
    monkeypatch: pytest.MonkeyPatch, kind: str, code: int
) -> None:
    _seen(monkeypatch, "ok")
    found = with_added(_rendered(-1), _record(), kind)
    assert found.codes[_CORNER] == code
    assert found.cells[CHANNELS.index("corner"), 0, 0] == code


def test_page_that_looking_did_not_settle_teaches_nothing_of_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, UNSURE)
    assert with_added(_rendered(0), _record(), AS_IS).codes[_CORNER] == -1


def test_what_brings_its_own_page_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, "folded_corner")
    assert with_added(_rendered(0), _record(), "hand-page").codes[_CORNER] == 0


_TOP_LEFT = Place(0.0, 0.0, 0.25, 0.16, sure=True)


def _boxed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "added_places", lambda _record: (_TOP_LEFT,))


@pytest.mark.parametrize(("kind", "label"), [(AS_IS, ""), (AS_IS, "folded_corner"), ("clean", "folded_corner")])
def test_boxes_on_a_page_say_where_its_fault_is(monkeypatch: pytest.MonkeyPatch, kind: str, label: str) -> None:
    _seen(monkeypatch, "" if label else "folded_corner")
    _boxed(monkeypatch)
    record = _record(corner=label) if label else _record()
    corner = with_added(_rendered(-1), record, kind).cells[CHANNELS.index("corner")]
    assert corner[0, 0] == FIRST_BOX
    assert (corner[2:] == 0).all()


def test_boxes_turn_with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, "folded_corner")
    _boxed(monkeypatch)
    corner = with_added(_rendered(-1), _record(), AS_IS, turned=True).cells[CHANNELS.index("corner")]
    assert corner[-1, -1] == FIRST_BOX
    assert (corner == FIRST_BOX).sum() == 1


@pytest.mark.parametrize("kind", ["clean", "stamp", "fold-over", CLOSER])
def test_page_that_may_lie_elsewhere_keeps_no_boxes(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _seen(monkeypatch, "folded_corner")
    _boxed(monkeypatch)
    assert (with_added(_rendered(-1), _record(), kind).cells[CHANNELS.index("corner")] == -1).sum() == 24


def test_torn_pages_are_scanned_again_after_all_that_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(Path(), (_record(post_it="ok"), _record(corner="ok")))
    before = plan(manifest, [0, 1], counts={"fold-over": 3}, late={})
    monkeypatch.setattr(
        samples_module, "added_corner", lambda record: "" if "corner" in record.labels else "folded_corner"
    )
    after = plan(manifest, [0, 1], counts={"fold-over": 3}, late={})
    assert after[: len(before)] == before
    assert [(each.record, each.kind) for each in after[len(before) :]] == [(0, "clean")] * (RARE_REPEATS - 1)
