"""A manifest is read whole or refused, and the message names what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagefaulty.errors import ManifestError
from imagefaulty.training.manifest import read_manifest
from tests.training.pages import four_pages, write_manifest


def test_labels_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    manifest = read_manifest(four_pages(tmp_path))
    assert [dict(record.labels) for record in manifest.records] == [
        {"writing_type": "Handwritten", "empty": "ok"},
        {"writing_type": "Typewritten", "empty": "ok"},
        {"empty": "empty"},
        {"post_it": "post-it"},
    ]
    assert manifest.counts()["empty"] == {"ok": 2, "empty": 1}


def test_directory_stands_for_its_manifest(tmp_path: Path) -> None:
    assert read_manifest(four_pages(tmp_path)) == read_manifest(tmp_path)


def test_missing_page_is_refused_by_name(tmp_path: Path) -> None:
    path = four_pages(tmp_path)
    (tmp_path / "b.png").unlink()
    with pytest.raises(ManifestError, match=r"line 3: the page 'b\.png' is missing"):
        read_manifest(path)


def test_unknown_label_is_refused_by_name(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, [{"file": "a.png", "writing_type": "Scribbled", "source": "x"}])
    with pytest.raises(ManifestError, match=r"unknown label 'Scribbled' for writing_type; use one of Handwritten"):
        read_manifest(path)


def test_source_in_two_splits_is_refused_by_name(tmp_path: Path) -> None:
    rows = [
        {"file": "a.png", "source": "HTR-United/CREMMA-MSS-18", "split": "fit"},
        {"file": "b.png", "source": "HTRomance-Project/modern-roman-languages", "split": "held-out"},
    ]
    with pytest.raises(
        ManifestError, match=r"'french-manuscripts' lies in the splits 'fit' \(line 2\) and 'held-out' \(l.* 3\)"
    ):
        read_manifest(write_manifest(tmp_path, rows))


def test_page_listed_twice_is_refused(tmp_path: Path) -> None:
    row = {"file": "a.png", "source": "x"}
    with pytest.raises(ManifestError, match=r"'a\.png' \(line 2\) again \(line 3\); keep one"):
        read_manifest(write_manifest(tmp_path, [row, row]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no pages"),
        ("file,source\n", "lists no pages"),
        ("file,empty\na.png,ok\n", "lacks the column source"),
        ("file,source\na.png,\n", "names no source"),
    ],
)
def test_manifest_without_the_needed_is_refused(tmp_path: Path, text: str, message: str) -> None:
    four_pages(tmp_path)
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path)


def test_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "nothing.csv")


@pytest.mark.shared
def test_shared_pages_can_all_be_read(shared_folder: Path) -> None:
    manifest = read_manifest(shared_folder / "data")
    assert len(manifest.records) > 1700
    assert {record.group for record in manifest.records if record.source.startswith("HTR-United/CREMMA-MSS")} == {
        "french-manuscripts"
    }
