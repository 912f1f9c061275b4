"""Evaluation runs the real engine on labelled pages and counts what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagefaulty.errors import SettingsError
from imagefaulty.training.evaluation import evaluate
from imagefaulty.training.manifest import read_manifest
from tests.bundles import tiny_bundle
from tests.training.pages import four_pages, write_manifest


def test_right_answers_fill_the_diagonal(tmp_path: Path) -> None:
    report = evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all")
    tables = {each.title: each.table.tolist() for each in report.figures}
    assert tables == {
        "writing_type": [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
        "post_it": [[0, 0], [0, 1]],
        "empty": [[2, 0], [0, 1]],
    }
    assert report.mistakes == ()
    assert report.false_empty[:2] == (0, 2)


def test_wrong_answer_is_listed_with_its_file(tmp_path: Path) -> None:
    rows = [{"file": "a.png", "writing_type": "Typewritten", "source": "x", "colour": "RED"}]
    report = evaluate(tiny_bundle(tmp_path / "bundle"), write_manifest(tmp_path, rows), split="all")
    [(file, check, truth, answer, confidence)] = report.mistakes
    assert (file, check, truth, answer) == ("a.png", "writing_type", "Typewritten", "Handwritten")
    assert confidence > 0.9


def test_held_out_pages_are_those_of_sources_the_bundle_has_not_seen(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    (bundle / "folds.csv").write_text("group,fold\nred,1\nwhite,0\n", encoding="utf-8")
    report = evaluate(bundle, four_pages(tmp_path))
    assert (report.pages, report.sources) == (2, 1)


def test_bundle_that_does_not_say_what_it_has_seen_is_not_judged_as_if_it_did(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no folds\.csv"):
        evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path))


def test_unreadable_page_is_a_failure_and_not_an_answer(tmp_path: Path) -> None:
    path = four_pages(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    report = evaluate(tiny_bundle(tmp_path / "bundle"), path, split="all")
    assert report.pages == 3
    assert report.failures[0].startswith("a.png: ")


def test_doubtful_rows_and_parchment_are_judged_apart(tmp_path: Path) -> None:
    rows = [
        {"file": "a.png", "writing_type": "Combination", "source": "x", "notes": "minor:folio number"},
        {"file": "b.png", "corner": "folded_corner", "source": "x", "notes": "torn; parchment"},
        {"file": "c.png", "empty": "ok", "source": "x", "notes": "nearly empty; one line"},
    ]
    report = evaluate(tiny_bundle(tmp_path / "bundle"), write_manifest(tmp_path, rows), split="all")
    assert [each.title for each in report.figures] == [
        "writing_type (minor second hand)",
        "corner (parchment)",
        "empty",
        "empty (nearly empty pages)",
    ]


def test_report_is_text_for_people_and_json_for_programs(tmp_path: Path) -> None:
    report = evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all")
    assert "4 pages of 2 sources" in report.to_text()
    assert "Handwritten" in report.to_text()
    figures = json.loads(json.dumps(report.to_dict()))["figures"]
    assert figures[0]["classes"]["Handwritten"]["recall"] == 1


@pytest.mark.shared
def test_embedded_bundle_is_as_good_as_its_card_says(shared_folder: Path) -> None:
    data = shared_folder / "data"
    assert read_manifest(data).records
    report = evaluate(None, data)
    recall = {each.title: {one.name: one.recall or 0 for one in each.classes} for each in report.figures}
    assert recall["writing_type"]["Handwritten"] >= 0.9
    assert recall["writing_type"]["Typewritten"] >= 0.85
    assert recall["empty"]["ok"] >= 0.98
    assert recall["post_it"]["ok"] >= 0.95
