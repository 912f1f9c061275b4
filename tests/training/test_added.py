"""What was seen of folds, tears and hands afterwards: the list of a page has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagefaulty.checks import CORNER
from imagefaulty.errors import ManifestError
from imagefaulty.training import added as added_module
from imagefaulty.training.added import (
    HANDS,
    UNSURE,
    added_corner,
    added_hand,
    added_places,
    read_added,
    read_hands,
    read_places,
)
from imagefaulty.training.cells import Place
from imagefaulty.training.manifest import PageRecord, read_manifest


def _page(**labels: str) -> PageRecord:
    (source, path), _ = next(iter(read_added().items()))
    return PageRecord("x.png", labels, source, source, path=path)


def test_every_line_of_the_list_names_a_class_or_says_that_it_is_not_sure() -> None:
    assert set(read_added().values()) == {*CORNER.class_names, UNSURE}


def test_the_list_of_a_page_has_the_last_word() -> None:
    assert added_corner(_page()) in {*CORNER.class_names, UNSURE}
    assert added_corner(_page(corner="ok")) == ""


def test_a_page_of_another_source_is_not_looked_up() -> None:
    assert added_corner(PageRecord("x.png", {}, "mine", "mine", path="a.png")) == ""


def test_a_wrong_word_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "added.csv"
    path.write_text("source,path,corner,seen\na,b,ok,\na,c,torn,\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="line 3: unknown label 'torn'"):
        read_added(path)


def test_a_file_that_is_no_such_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "added.csv"
    path.write_text("file,label\na,ok\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="is not a list of source, path and corner"):
        read_added(path)


def test_hands_are_known_of_pages_that_the_list_calls_typed_alone() -> None:
    (source, path), seen = next(iter(read_hands().items()))
    assert set(read_hands().values()) == set(HANDS)
    assert added_hand(PageRecord("x.png", {"writing_type": "Typewritten"}, source, source, path=path)) == seen
    assert added_hand(PageRecord("x.png", {"writing_type": "Combination"}, source, source, path=path)) == ""


def test_wrong_word_about_a_hand_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "hands.csv"
    path.write_text("source,path,hand,seen\na,b,none,\na,c,some,\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="line 3: unknown label 'some'"):
        read_hands(path)


def test_places_of_a_page_are_found_by_its_source_and_name() -> None:
    (source, path), places = next((page, each) for page, each in read_places().items() if any(one.sure for one in each))
    assert added_places(PageRecord("x.png", {}, source, source, path=path)) == places
    assert added_places(PageRecord("x.png", {}, "mine", "mine", path=path)) == ()


def test_page_on_which_no_place_is_sure_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PageRecord("x.png", {}, "s", "s", path="p")
    doubtful = Place(0, 0, 0.1, 0.1, sure=False)
    monkeypatch.setattr(added_module, "read_places", lambda: {("s", "p"): (doubtful,)})
    assert added_places(page) == ()


@pytest.mark.parametrize(
    "line", ["a,b,10,10,10,20,sure", "a,b,10,10,20,120,sure", "a,b,1,1,2,2,yes", "a,b,x,1,2,2,sure", "a,b"]
)
def test_a_line_that_is_no_box_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(f"source,path,left,top,right,bottom,seen\na,b,1,1,2,2,sure\n{line}\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="line 3: is not a box of a page in per cent"):
        read_places(path)


def test_places_are_on_faulty_paper_alone(shared_folder: Path) -> None:
    pages = {(record.source, record.path): record for record in read_manifest(shared_folder / "data").records}
    for known in read_places():
        page = pages[known]
        assert CORNER.fault in {page.labels.get("corner"), added_corner(page)}
        assert not (page.is_parchment and "corner" in page.labels)


def test_every_page_of_the_list_is_one_that_nobody_had_examined(shared_folder: Path) -> None:
    pages = {(record.source, record.path): record for record in read_manifest(shared_folder / "data").records}
    assert all("corner" not in pages[known].labels for known in read_added())


def test_every_page_looked_at_for_hands_is_typed_in_the_list(shared_folder: Path) -> None:
    pages = {(record.source, record.path): record for record in read_manifest(shared_folder / "data").records}
    assert all(pages[known].labels["writing_type"] == "Typewritten" for known in read_hands())
