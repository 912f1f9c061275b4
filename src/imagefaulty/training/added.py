"""What was seen of folds, tears and hands on the public pages beyond their list.

The list was made for writing, and most of its pages were not examined for folds and tears. They were looked at
afterwards, one by one at about 700 px (docs/decisions/016). What was seen lies in ``added_corners.csv``, by the page's
source and its name there, so that it holds for whichever list names the page. Figures are computed from the list's own
labels alone, as before; those of the pages looked at stand beside them.

Of the pages that it calls typed some have something written by hand as well; ``added_hands.csv`` says of each whether
it has (docs/decisions/022).

Where the faults are lies in ``added_places.csv``, for the pages on paper that the list or that look calls faulty
(docs/decisions/017).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from imagefaulty.checks import CORNER, WRITING_TYPE
from imagefaulty.errors import ManifestError
from imagefaulty.training.cells import Place
from imagefaulty.training.manifest import PageRecord

ADDED_FILE: Final = Path(__file__).with_name("added_corners.csv")
PLACES_FILE: Final = Path(__file__).with_name("added_places.csv")
HANDS_FILE: Final = Path(__file__).with_name("added_hands.csv")
#: How much was written by hand on a typed page: nothing, a number or a tick, words, or what may not be by hand at all.
NO_HAND: Final = "none"
CLEAR_HAND: Final = "clear"
HANDS: Final = (NO_HAND, "minor", CLEAR_HAND, "doubt")
#: Stands in the list where looking did not settle it.
UNSURE: Final = "unsure"
#: What a line with a place says: something is there, or only may be.
_SEEN: Final = ("sure", "doubt")


@functools.cache
def read_added(path: Path = ADDED_FILE) -> Mapping[tuple[str, str], str]:
    """Read what was seen: a class of ``corner`` or :data:`UNSURE`, by source and name of the page.

    Raises:
        ManifestError: The file cannot be read, or holds a word that it should not; the message names the line.
    """
    return _words(path, "corner", (*CORNER.class_names, UNSURE))


@functools.cache
def read_hands(path: Path = HANDS_FILE) -> Mapping[tuple[str, str], str]:
    """Read how much was seen to be written by hand, one of :data:`HANDS`, by source and name of the page.

    Raises:
        ManifestError: The file cannot be read, or holds a word that it should not; the message names the line.
    """
    return _words(path, "hand", HANDS)


def _words(path: Path, column: str, known: Collection[str]) -> Mapping[tuple[str, str], str]:
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [(row["source"], row["path"], row[column]) for row in csv.DictReader(handle)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: is not a list of source, path and {column} ({error})") from None
    for line, (_, _, label) in enumerate(rows, start=2):
        if label not in known:
            raise ManifestError(f"{path}, line {line}: unknown label {label!r}")
    return MappingProxyType({(source, name): label for source, name, label in rows})


def added_corner(record: PageRecord) -> str:
    """Return what was seen on a page whose list does not say: a class of ``corner``, :data:`UNSURE`, or nothing."""
    return "" if "corner" in record.labels else read_added().get((record.source, record.path), "")


def added_hand(record: PageRecord) -> str:
    """Return how much was seen to be written by hand on a page that its list calls typed, or nothing."""
    typed = record.labels.get(WRITING_TYPE.name) == "Typewritten"
    return read_hands().get((record.source, record.path), "") if typed else ""


@functools.cache
def read_places(path: Path = PLACES_FILE) -> Mapping[tuple[str, str], tuple[Place, ...]]:
    """Read where folds and tears are, by source and name of the page.

    Raises:
        ManifestError: The file cannot be read, or holds a box that is none; the message names the line.
    """
    found: dict[tuple[str, str], tuple[Place, ...]] = {}
    line = 1
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            for line, row in enumerate(csv.DictReader(handle), start=2):  # noqa: B007  (messages name it)
                page = row["source"], row["path"]
                found[page] = (*found.get(page, ()), _place(row))
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise ManifestError(f"{path}, line {line}: is not a box of a page in per cent ({error})") from None
    return MappingProxyType(found)


def _place(row: Mapping[str, str]) -> Place:
    left, top, right, bottom = (int(row[side]) / 100 for side in ("left", "top", "right", "bottom"))
    if not 0 <= left < right <= 1 or not 0 <= top < bottom <= 1 or row["seen"] not in _SEEN:
        raise ValueError(", ".join(row.values()))
    return Place(left, top, right, bottom, sure=row["seen"] == _SEEN[0])


def added_places(record: PageRecord) -> tuple[Place, ...]:
    """Return where a page was seen to be folded or torn; nothing where nobody looked, or saw none for sure."""
    places = read_places().get((record.source, record.path), ())
    return places if any(place.sure for place in places) else ()
