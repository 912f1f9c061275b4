"""From the paths that people name to the files that are inspected: a folder stands for the pages below it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from imagefaulty._formats import SUFFIXES
from imagefaulty.errors import SettingsError


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files to inspect: those that are named, and the pages below those that are folders.

    Args:
        paths: Files and folders. Of a file that does not exist the path is returned as it is.

    Raises:
        SettingsError: There is no page below a folder.
    """
    found: list[Path] = []
    for path in paths:
        found += pages_below(path) if path.is_dir() else [path]
    return found


def pages_below(folder: Path) -> list[Path]:
    """Return the files below a folder that look like pages by their endings, sorted by path.

    Hidden files and folders are left out: their names begin with a dot, like ``._scan.jpg``, which macOS leaves
    beside every scan on a network share. Links to folders are not followed, so that no link can lead in circles.
    What must not go unnoticed is returned as if it were a page, so that whoever opens it says what is wrong: folders
    that cannot be listed, and links that lead nowhere.

    Args:
        folder: An existing folder.

    Raises:
        SettingsError: There is no page below it.
    """
    found: list[Path] = []

    def keep_unreadable(error: OSError) -> None:
        found.append(Path(error.filename))

    for place, folders, names in os.walk(folder, onerror=keep_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for name in names if _is_page(path := Path(place, name))]
    if not found:
        raise SettingsError(
            f"{folder}: no images or documents in this folder; the endings are {' '.join(sorted(SUFFIXES))}"
        )
    return sorted(found)


def _is_page(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
        return False
    # A pipe or a device that is called scan.jpg would be waited for, maybe forever.
    return path.is_file() or (path.is_symlink() and not path.exists())
