import os
from pathlib import Path

import pytest

from imagefaulty.errors import SettingsError
from imagefaulty.folders import files_of, pages_below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.TIF", "notes.txt", "._b.jpg", "sub/c.png", ".thumbnails/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def _names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_pages_are_found_by_their_endings_in_order(folder: Path) -> None:
    assert _names(pages_below(folder), folder) == ["a.TIF", "b.jpg", "sub/c.png"]


def test_hidden_files_count_where_they_are_named(folder: Path) -> None:
    assert files_of([folder / "._b.jpg"]) == [folder / "._b.jpg"]
    assert _names(files_of([folder / ".thumbnails"]), folder) == [".thumbnails/d.jpg"]


def test_a_link_in_circles_is_not_followed(folder: Path) -> None:
    (folder / "sub" / "up").symlink_to(folder)
    assert _names(pages_below(folder), folder) == ["a.TIF", "b.jpg", "sub/c.png"]


def test_a_link_that_leads_nowhere_is_not_passed_over(folder: Path) -> None:
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    assert "gone.jpg" in _names(pages_below(folder), folder)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    assert "pipe.jpg" not in _names(pages_below(folder), folder)


def test_a_folder_that_cannot_be_listed_is_not_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, scan = folder / "sub", os.scandir

    def scandir(path: Path | str) -> object:
        if Path(path) == locked:  # mode 000 would not stop root, who runs tests in containers
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert _names(pages_below(folder), folder) == ["a.TIF", "b.jpg", "sub"]


def test_a_folder_without_pages_is_refused_with_the_endings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no images or documents in this folder.*\.jpg"):
        files_of([tmp_path])
