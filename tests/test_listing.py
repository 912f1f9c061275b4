import csv
import io
import json
import os

import pytest

from imagefaulty.checks import CHECKS, CORNER, WRITING_TYPE
from imagefaulty.finding import Answer, Failure, Finding, Model, Provenance
from imagefaulty.listing import write

MODEL = Model("tiny", "1", "0" * 64, "balanced", {}, "0")


def _finding(source: str, failure: Failure | None = None) -> Finding:
    answers = {
        "writing_type": Answer("writing_type", "Combination", 2, {"Combination": 1.0}, "yes"),
        "post_it": Answer("post_it", "post-it", 1, {"post-it": 1.0}, "look"),
        "corner": Answer("corner", "folded_corner", 1, {"folded_corner": 1.0}, "look"),
        "empty": Answer("empty", "empty", 1, {"empty": 1.0}, "look"),
    }
    return Finding(Provenance(source, MODEL, pages=1), {} if failure else answers, failure)


def _text(form: str, *findings: Finding, width: int | None = None) -> str:
    return "".join(write(findings, form, checks=CHECKS, width=width))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_holds_a_name_that_is_no_text_and_gives_its_bytes_back(form: str) -> None:
    text = _text(form, _finding(os.fsdecode(b"lat\xe4in.jpg")))
    found = json.loads(text.encode("utf-8"))
    source = (found[0] if form == "json" else found)["source"]
    assert os.fsencode(source) == b"lat\xe4in.jpg"


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_name_that_is_no_text_is_escaped(form: str) -> None:
    assert "lat\\udce4in.jpg" in _text(form, _finding("lat\udce4in.jpg")).encode("utf-8").decode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_spreadsheet_finds_no_formula(start: str) -> None:
    name = f"{start}1+1.jpg"
    rows = list(csv.DictReader(io.StringIO(_text("csv", _finding(name, Failure("page", f"{name} is bad"))))))
    assert rows[0]["source"] == f"./{name}"
    assert rows[0]["error"] == f"./{name} is bad"


def test_a_name_cannot_write_control_characters_to_a_terminal() -> None:
    assert "\x1b" not in (text := _text("table", _finding("a\x1b[31mb\nc.jpg")))
    assert r"a\x1b[31mb\nc.jpg" in text


def test_answers_stay_whole_and_names_fold_on_80_columns() -> None:
    text = _text("table", _finding("a folder with a long name/" * 3 + "scan.jpg"), width=80)
    assert max(map(len, text.splitlines())) <= 80
    for answer in ("Combination 100%", "post-it 100%?", "folded_corner 100%?", "empty 100%?"):
        assert answer in text


def test_a_narrow_terminal_loses_no_answer() -> None:
    assert "empty 100%?" in _text("table", _finding("scan.jpg"), width=40)


def test_a_failure_takes_its_row_in_every_form() -> None:
    bad = _finding("bad.jpg", Failure("page_damaged", "bad.jpg is damaged"))
    assert "error: page_damaged" in _text("table", bad)
    assert json.loads(_text("jsonl", bad))["error"]["code"] == "page_damaged"
    assert next(csv.DictReader(io.StringIO(_text("csv", bad))))["error_code"] == "page_damaged"


def test_columns_are_the_checks_that_were_asked() -> None:
    text = "".join(write([_finding("a.jpg")], "csv", checks=(WRITING_TYPE, CORNER), width=None))
    header = text.splitlines()[0].split(",")
    assert [name for name in header if name in {check.name for check in CHECKS}] == ["writing_type", "corner"]


def test_no_findings_are_an_empty_list() -> None:
    assert json.loads(_text("json")) == []
