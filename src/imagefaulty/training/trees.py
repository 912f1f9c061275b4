"""A tree of folders, one per class → a manifest. ``docs/training-data.md`` shows the forms that a tree may have.

Every folder on the way from the root to a page is a check, a class, a fixed split or a source. What could be read in
two ways is refused by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from imagefaulty.checks import CHECKS, Check, CheckName
from imagefaulty.errors import ManifestError, SettingsError
from imagefaulty.folders import pages_below
from imagefaulty.labelstudio._meaning import check_called, folded
from imagefaulty.training._words import any_of, class_meant, the_check
from imagefaulty.training.manifest import Manifest, PageRecord, group_of, manifest_of

#: Folders that say that a page belongs to a fixed split, as other trainers want them.
_SPLITS: Final = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")
#: Folders with these names are numbered boxes more often than the answers no and yes.
_NUMBERS: Final = ("0", "1")

_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    """What the folders above a file say of it. ``source`` is "" where none of them is one."""

    file: str
    labels: Mapping[CheckName, str]
    source: str
    split: str


def read_tree(root: str | Path, *, check: str = "", source: str = "", ignore: Iterable[str] = ()) -> Manifest:
    """Read a tree of folders, one per class.

    The class of a page is the one folder above it that is called like a class of a check (name, alias or synonym,
    without regard to case, space, hyphen and underscore). The check is the folder above that which is called like a
    check; else the only check that has such a class, or all the classes that lie side by side; else the one that the
    root is called after. The first other folder is the page's source. The same file (by its SHA-256) in folders of
    several checks is one page with several labels.

    Args:
        root: The folder.
        check: The check that the classes are of, where folders do not say it; "" to find it by the folders.
        source: Source of pages that no folder names one for; the root's name if "".
        ignore: Names of folders to pass over with all that lies in them.

    Raises:
        ManifestError: There is no page, a page lies in no class folder or in several, the check is in doubt, or the
            same file has two labels of one check, two sources or two splits.
        SettingsError: There is no check of that name.
    """
    root = Path(root)
    ignored = any_of(ignore)
    files = {path: _folders(path, root) for path in _pages(root)}
    kept = {path: names for path, names in files.items() if not ignored & any_of(names)}
    if not kept:
        raise ManifestError(f"{root}: every page lies in a folder that is passed over; name fewer with --ignore")
    reader = _Reader(root, kept.values(), the_check(check) if check else None)
    pages = [reader.page(path.relative_to(root).as_posix(), names) for path, names in kept.items()]
    merged = _merged(root, pages, _digests(root, list(kept)))
    default = source or root.resolve().name
    return manifest_of(root, (_record(page, default) for page in merged), where=root)


def _folders(path: Path, root: Path) -> _Names:
    return path.relative_to(root).parts[:-1]


def _pages(root: Path) -> list[Path]:
    if not root.is_dir():
        raise ManifestError(f"{root}: is no folder; give the folder that the class folders lie in")
    try:
        return pages_below(root)
    except SettingsError as error:
        exports = sorted(root.glob("*.json"))
        hint = f"; for a Label Studio export name the file itself: {exports[0]}" if exports else ""
        raise ManifestError(f"{error}{hint}") from None


class _Reader:
    """Reads the folders above a page in the light of all folders of the tree.

    Args:
        root: The root, whose name may be that of a check.
        places: The folders above each page.
        check: The check that was named, if one was.
    """

    def __init__(self, root: Path, places: Iterable[_Names], check: Check | None) -> None:
        self._root = root
        self._check = check
        self._of_root = check_called(root.resolve().name, CHECKS)
        self._children: dict[_Names, set[str]] = {}
        #: Folders that hold class folders of the check that they are called after.
        self._check_folders: set[_Names] = set()
        for names in set(places):
            for depth, name in enumerate(names):
                self._children.setdefault(names[:depth], set()).add(name)
            if found := _check_above(names):
                self._check_folders.add(names[: found[0] + 1])

    def page(self, file: str, names: _Names) -> _Page:
        """Return what the folders say of a file.

        Raises:
            ManifestError: It is nothing, or in doubt.
        """
        check, at, naming = self._reading(file, names)
        others = [name for place, name in enumerate(names) if place not in (at, naming)]
        split = next((folded(name) for name in others if folded(name) in _SPLITS), "")
        sources = [name.strip() for name in others if folded(name) not in _SPLITS]
        return _Page(file, {check.name: _class(names[at], check) or ""}, sources[0] if sources else "", split)

    def _reading(self, file: str, names: _Names) -> tuple[Check, int, int]:
        """Return the check, the place of the class folder, and that of the folder that names the check, else -1."""
        if found := _check_above(names):
            naming, check = found
            if self._check and check != self._check:
                raise self._refusal(
                    file,
                    f"lies in {names[naming]!r}, which is the check {check.name}, not {self._check.name}; leave --check"
                    f" out, or pass the folder over with --ignore {names[naming]!r}",
                )
            below = range(naming + 1, len(names))
            return check, self._only(file, names, [place for place in below if _class(names[place], check)]), naming
        # A folder that holds the classes of a check is not a class itself, though `empty` may be the name of both.
        places = [place for place in range(len(names)) if names[: place + 1] not in self._check_folders]
        if self._check:
            places = [place for place in places if _class(names[place], self._check)]
            return self._check, self._only(file, names, places), -1
        at = self._only(file, names, [place for place in places if _checks_with(names[place])])
        return self._check_of(file, names, at), at, -1

    def _only(self, file: str, names: _Names, places: Sequence[int]) -> int:
        """Return the one place of a class folder."""
        if not places:
            raise self._refusal(file, _NO_CLASS)
        if len(places) > 1:
            both = " and ".join(repr(names[place]) for place in places)
            raise self._refusal(file, f"lies in folders that all name a class, {both}; rename those that do not")
        return places[0]

    def _check_of(self, file: str, names: _Names, at: int) -> Check:
        """Find the check by the class folder, by the classes beside it, or by the root's name."""
        beside = [name for name in self._children[names[:at]] if _checks_with(name)]
        checks = [check for check in _checks_with(names[at]) if all(_class(name, check) for name in beside)]
        if len(checks) > 1 and self._of_root in checks:
            return self._of_root
        if len(checks) != 1:
            several = " or ".join(check.name for check in checks or _checks_with(names[at]))
            raise self._refusal(
                file,
                f"lies in {names[at]!r}, which could be a class of {several}; name the check with --check, or put"
                f" the folder into one that is called like it, as in corner/{names[at]}",
            )
        return checks[0]

    def _refusal(self, file: str, reason: str) -> ManifestError:
        return ManifestError(f"{self._root}: the page {file!r} {reason}")


_NO_CLASS: Final = (
    "lies in no folder that names a class; move it into one, such as corner/folded_corner or corner/ok, or pass its"
    " folder over with --ignore"
)


def _class(name: str, check: Check) -> str | None:
    return None if name in _NUMBERS else class_meant(name, check)


def _checks_with(name: str) -> list[Check]:
    """Return the checks that have a class of that name."""
    return [check for check in CHECKS if _class(name, check)]


def _check_above(names: _Names) -> tuple[int, Check] | None:
    """Return the first folder that is called like a check and has a class of that check below it."""
    for place, name in enumerate(names):
        check = check_called(name, CHECKS)
        if check and any(_class(below, check) for below in names[place + 1 :]):
            return place, check
    return None


def _digests(root: Path, files: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of every file."""

    def digest(path: Path) -> str:
        try:
            with path.open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            name = path.relative_to(root).as_posix()
            raise ManifestError(f"{root}: {name!r} cannot be read ({reason}); mend or remove it") from None

    with ThreadPoolExecutor() as threads:
        return list(threads.map(digest, files))


def _merged(root: Path, pages: Iterable[_Page], digests: Iterable[str]) -> Iterable[_Page]:
    """Make one page of the same file in several places."""
    found: dict[str, _Page] = {}
    for page, digest in zip(pages, digests, strict=True):
        known = found.get(digest)
        found[digest] = _both(root, known, page) if known else page
    return found.values()


def _both(root: Path, first: _Page, second: _Page) -> _Page:
    def agreed(kind: str, one: str, other: str) -> str:
        if one and other and one != other:
            raise ManifestError(
                f"{root}: {first.file!r} and {second.file!r} are the same file, yet its {kind} would be {one!r} and"
                f" {other!r}; remove one of them"
            )
        return one or other

    labels = {
        check.name: label
        for check in CHECKS
        if (label := agreed(check.name, first.labels.get(check.name, ""), second.labels.get(check.name, "")))
    }
    source = agreed("source", first.source, second.source)
    return replace(first, labels=labels, source=source, split=agreed("split", first.split, second.split))


def _record(page: _Page, default: str) -> PageRecord:
    # Who splits pages of unnamed sources says that the parts share nothing, so each part is a source of its own.
    source = page.source or (f"{default}/{page.split}" if page.split else default)
    return PageRecord(page.file, page.labels, source, group_of(source), split=page.split)
