"""The page of an evaluation holds everything in one file, escapes what it is given and needs no script."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imagefaulty.training.evaluation import Report, evaluate
from imagefaulty.training.report_page import page, write_page
from imagefaulty.training.report_text import text_of
from tests.bundles import tiny_bundle
from tests.training.pages import write_manifest


class Tags(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def report(tmp_path: Path) -> Report:
    rows = [
        {"file": "a.png", "writing_type": "Typewritten", "post_it": "ok", "source": "<b>x", "colour": "YELLOW"},
        {"file": "b.png", "writing_type": "Typewritten", "post_it": "ok", "source": "y", "colour": "BLUE"},
    ]
    return evaluate(tiny_bundle(tmp_path / "bundle"), write_manifest(tmp_path, rows), split="all")


def test_mistakes_are_shown_inside_the_file(report: Report, tmp_path: Path) -> None:
    write_page(report, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    images = [attributes["src"] or "" for tag, attributes in Tags(html).found if tag == "img"]
    assert len(images) == 2
    assert all(source.startswith("data:image/webp;base64,") for source in images)
    assert "ok → post-it" in html


def test_page_loads_nothing_and_runs_nothing(report: Report) -> None:
    html = page(report)
    tags = Tags(html).found
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object"}
    assert not re.search(r"https?://|url\(|@import", html)
    assert [value for _, attributes in tags for name, value in attributes.items() if name.startswith("on")] == []


def test_names_are_text_and_never_tags(report: Report) -> None:
    hostile = replace(report, model_version="<script>alert(1)</script>", failures=("<img src=x>: \ud800 broken",))
    html = page(hostile)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;img src=x&gt;: \N{REPLACEMENT CHARACTER} broken" in html
    assert "&lt;b&gt;x" in html
    html.encode("utf-8")


def test_box_of_a_false_alarm_is_drawn_on_the_thumbnail(report: Report, tmp_path: Path) -> None:
    [false_alarm] = [each for each in report.mistakes if each.check == "post_it"]
    assert false_alarm.boxes == ((0, 0, 1, 1),)
    without = replace(report, mistakes=tuple(replace(each, boxes=()) for each in report.mistakes))
    assert page(report) != page(without)
    assert tmp_path


def test_page_that_is_gone_by_now_is_listed_without_a_picture(report: Report, tmp_path: Path) -> None:
    (tmp_path / "a.png").unlink()
    html = page(report)
    assert [tag for tag, _ in Tags(html).found].count("img") == 0
    assert "a.png" in html


def test_every_set_of_pages_has_its_reliability_diagram_and_sources(report: Report) -> None:
    html = page(report)
    assert html.count("share of right answers by confidence") == len(report.figures)
    assert html.count("By source, surely worst first") == len(report.figures)


def test_text_lists_sources_only_when_asked(report: Report) -> None:
    assert "<b>x" not in text_of(report)
    assert "0 of 1" in text_of(report, by_source=True)
    assert "<b>x" in text_of(report, by_source=True)
