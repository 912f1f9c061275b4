"""Evaluation runs the real engine on labelled pages and counts what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from imagefaulty.cli_training import evaluate as command
from imagefaulty.errors import SettingsError
from imagefaulty.training.evaluation import evaluate
from imagefaulty.training.manifest import read_manifest
from tests.bundles import tiny_bundle
from tests.training.pages import RED, WHITE, four_pages, write_manifest


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
    [mistake] = report.mistakes
    assert (mistake.file, mistake.check, mistake.source) == ("a.png", "writing_type", "x")
    assert (mistake.truth, mistake.answer) == ("Typewritten", "Handwritten")
    assert mistake.confidence > 0.9


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


def test_report_says_its_schema_and_holds_what_the_text_leaves_out(tmp_path: Path) -> None:
    values = evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all").to_dict()
    assert values["schema"] == "imagefaulty.evaluation/1"
    assert values["figures"][0]["by_source"] == {"red": [[1, 0, 0], [0, 1, 0], [0, 0, 0]]}
    assert {each["operating_point"] for each in values["verdicts"]} == {"balanced", "safe"}
    assert values["drawn"]["figures"] == []


def test_pages_in_a_folder_per_class_are_judged_too(tmp_path: Path) -> None:
    for name, colour in {"empty": WHITE, "not empty": RED}.items():
        (tmp_path / "pages" / name).mkdir(parents=True)
        Image.new("RGB", (48, 64), colour).save(tmp_path / "pages" / name / "1.png")
    report = evaluate(tiny_bundle(tmp_path / "bundle"), tmp_path / "pages", split="all")
    assert [(each.title, each.accuracy) for each in report.figures] == [("empty", 1)]


def test_verdicts_are_those_of_each_operating_point(tmp_path: Path) -> None:
    report = evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all")
    [safe] = [each for each in report.verdicts if (each.title, each.operating_point) == ("empty", "safe")]
    assert (safe.wrong_yes.hits, safe.wrong_yes.pages) == (0, 2)
    assert "written pages with the verdict yes, empty: 0 of 2" in report.to_text()


def test_sources_of_one_group_are_drawn_together(tmp_path: Path) -> None:
    rows = [
        {"file": f"{number}.png", "empty": "ok", "source": f"HTR-United/CREMMA-MSS-{17 + number % 2}", "colour": colour}
        for number, colour in enumerate(["WHITE", "RED"] * 4)
    ]
    report = evaluate(tiny_bundle(tmp_path / "bundle"), write_manifest(tmp_path, rows), split="all")
    [figures] = report.figures
    # Two sources of which one is always wrong would give 0 to 100 %.
    assert figures.classes[0].recall_sources_95 not in {None, (0.0, 1.0)}
    assert len(figures.by_source) == 2


def test_mistake_counts_among_the_set_that_is_judged_apart(tmp_path: Path) -> None:
    rows = [{"file": "a.png", "writing_type": "Combination", "source": "x", "notes": "minor:folio number"}]
    report = evaluate(tiny_bundle(tmp_path / "bundle"), write_manifest(tmp_path, rows), split="all")
    assert [each.title for each in report.mistakes] == ["writing_type (minor second hand)"]


@pytest.mark.parametrize(("drawn", "workers", "named"), [(-1, 1, "-1"), (0, 0, "at least 1, not 0")])
def test_impossible_number_is_refused(tmp_path: Path, drawn: int, workers: int, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all", drawn=drawn, workers=workers)


def test_command_writes_the_report_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, page = tiny_bundle(tmp_path / "bundle"), tmp_path / "report.html"
    command(str(bundle), four_pages(tmp_path), split="all", report=page, format="json")
    captured = capsys.readouterr()
    assert json.loads(captured.out)["pages"] == 4
    assert captured.err == f"imagefaulty: wrote {page}\n"  # no progress bar where nobody looks
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        command("embedded", tmp_path / "none", report=tmp_path / "none" / "report.html")


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
