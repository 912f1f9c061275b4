"""Labelled pages are read in whichever form they come, and written as one manifest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from imagefaulty.errors import ManifestError, SettingsError
from imagefaulty.training.labelled import gather, read_labelled
from imagefaulty.training.manifest import PageRecord, manifest_of, read_manifest, refuse_unreadable, write_manifest
from tests.training.pages import four_pages


def pages(root: Path, *files: str) -> Path:
    """Write pages that can be read, each different."""
    for number, file in enumerate(files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40 + number, 60)).save(path)
    return root


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "imagefaulty", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_form_is_read_by_one_function(tmp_path: Path) -> None:
    assert read_labelled(four_pages(tmp_path)) == read_labelled(tmp_path) == read_manifest(tmp_path)
    root = pages(tmp_path / "tree", "corner/ok/a.png")
    assert [dict(record.labels) for record in read_labelled(root).records] == [{"corner": "ok"}]
    export = tmp_path / "tree" / "export.json"
    export.write_text(json.dumps([{"id": 1, "image": "corner/ok/a.png", "corner": "C"}]))
    assert [dict(record.labels) for record in read_labelled(export).records] == [{"corner": "folded_corner"}]


def test_flags_that_do_not_go_with_a_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--images and --config go with a Label Studio export"):
        gather(pages(tmp_path, "corner/ok/a.png"), images=tmp_path)
    with pytest.raises(ManifestError, match="neither a folder of class folders nor a Label Studio export"):
        gather(four_pages(tmp_path))


def test_command_writes_a_manifest_and_says_what_is_in_it(tmp_path: Path) -> None:
    root = pages(tmp_path / "t", "corner/ok/x/a.png", "corner/C/y/b.png", "empty/E/y/c.png")
    out = tmp_path / "lists" / "my manifest.csv"
    done = run("training", "manifest", root, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert done.stderr.splitlines() == [
        "3 pages of 2 sources",
        "corner: 1 ok, 1 folded_corner",
        "empty: 0 ok, 1 empty",
        f"next: imagefaulty evaluate embedded '{out}'",
    ]
    assert [record.file for record in read_manifest(out).records] == [
        f"../t/{file}" for file in ("corner/C/y/b.png", "corner/ok/x/a.png", "empty/E/y/c.png")
    ]
    assert [path.name for path in out.parent.iterdir()] == ["my manifest.csv"]


def test_command_says_what_one_source_means(tmp_path: Path) -> None:
    done = run("training", "manifest", pages(tmp_path / "t", "ok/a.png"), "--check", "empty", "--out", tmp_path / "m")
    assert "all pages are of one source, 't', so none can be held out of fitting" in done.stderr
    assert done.stderr.endswith(" --split all\n")


def test_command_refuses_unreadable_pages_and_writes_nothing(tmp_path: Path) -> None:
    root = pages(tmp_path, "empty/ok/a.png")
    (root / "empty" / "ok" / "b.jpg").write_text("hello")
    done = run("training", "manifest", root, "--out", root / "manifest.csv")
    assert done.returncode == 2
    assert "b.jpg looks like text; give an image or a PDF" in done.stderr
    assert not (root / "manifest.csv").exists()


def test_unreadable_pages_are_named_and_counted(tmp_path: Path) -> None:
    pages(tmp_path, "whole.webp", "whole.tif", "whole.jpg", "whole.bmp", "whole.gif", "whole.jp2", "whole.pdf")
    (tmp_path / "0.webp").write_bytes((tmp_path / "whole.webp").read_bytes()[:30])
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (tmp_path / "2.jpg").write_bytes(b"")
    for number in range(3, 8):
        (tmp_path / f"{number}.jpg").write_text("hello")
    records = [PageRecord(path.name, {}, "x", "x") for path in sorted(tmp_path.iterdir())]
    manifest = manifest_of(tmp_path, records, where=tmp_path)
    with pytest.raises(ManifestError) as error:
        refuse_unreadable(manifest)
    assert error.value.message.startswith("8 of 15 pages cannot be read: ")
    assert "0.webp is damaged" in error.value.message
    assert "2.jpg is empty" in error.value.message
    assert "; and 3 more. Mend or fetch these files again" in error.value.message
    refuse_unreadable(manifest_of(tmp_path, [each for each in records if "whole" in each.file], where=tmp_path))


def test_unreadable_page_of_a_manifest_is_refused_with_its_line(tmp_path: Path) -> None:
    path = four_pages(tmp_path)
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    (tmp_path / "c.png").write_text("hello")
    with pytest.raises(
        ManifestError, match=r"1 of 2 pages cannot be read: .*c\.png looks like text.* \(line 5\)\. Mend"
    ):
        refuse_unreadable(read_manifest(path).only(groups=["white"]))


@pytest.mark.shared
def test_all_shared_pages_can_be_opened(shared_folder: Path) -> None:
    refuse_unreadable(read_manifest(shared_folder / "data"))


def test_written_manifest_is_read_the_same(tmp_path: Path) -> None:
    manifest = read_manifest(four_pages(tmp_path))
    assert read_manifest(write_manifest(manifest, tmp_path / "again.csv")) == manifest


@pytest.mark.parametrize("name", ["a\udcff.png", " a.png"])
def test_name_that_cannot_stand_in_a_manifest_is_refused(tmp_path: Path, name: str) -> None:
    manifest = manifest_of(tmp_path, [PageRecord(name, {}, "x", "x")], where=tmp_path)
    with pytest.raises(ManifestError, match="rename it"):
        write_manifest(manifest, tmp_path / "manifest.csv")
    assert list(tmp_path.iterdir()) == []


def test_manifest_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    path = four_pages(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(read_manifest(path).records) == 4
