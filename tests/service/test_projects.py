"""What ``/setup`` tells is remembered, within bounds."""

from __future__ import annotations

from imagefaulty.service.projects import ProjectBook
from imagefaulty.service.settings import read_settings


def _book() -> ProjectBook:
    return ProjectBook(read_settings(env_file=None))


def test_a_project_is_remembered_as_its_last_setup_described_it() -> None:
    book = _book()
    book.learn("2.179", schema="<View/>", hostname="", access_token="")
    book.learn("2.179", schema="<View></View>", hostname="", access_token="")
    assert book.get("2.179").schema == "<View></View>"
    assert len(book.latest) == 1


def test_what_no_label_studio_sends_is_not_kept() -> None:
    book = _book()
    book.learn("2" * 201, schema="<View/>", hostname="", access_token="")
    book.learn("2.179", schema="<View/>" + " " * 1_000_000, hostname="", access_token="")
    assert book.latest == []


def test_the_oldest_project_is_forgotten() -> None:
    book = _book()
    for number in range(300):
        book.learn(f"{number}.1", schema="<View/>", hostname="", access_token="")
    assert len(book.latest) == 256
    assert book.get("299.1").schema
    assert not book.get("0.1").schema
