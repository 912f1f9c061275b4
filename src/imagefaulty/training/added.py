"""Labels of folds and tears that the public pages' list leaves open: learned from, never judged by.

The list was made for writing, and most of its pages were not examined for folds and tears. They were looked at
afterwards, one by one at about 700 px (docs/decisions/016). What was seen lies in ``added_corners.csv``, by the page's
source and its name there, so that it holds for whichever list names the page. Figures are computed from the list's own
labels alone, as before.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from imagefaulty.checks import CORNER
from imagefaulty.errors import ManifestError
from imagefaulty.training.manifest import PageRecord

ADDED_FILE: Final = Path(__file__).with_name("added_corners.csv")
#: Stands in the list where looking did not settle it.
UNSURE: Final = "unsure"


@functools.cache
def read_added(path: Path = ADDED_FILE) -> Mapping[tuple[str, str], str]:
    """Read what was seen: a class of ``corner`` or :data:`UNSURE`, by source and name of the page.

    Raises:
        ManifestError: The file cannot be read, or holds a word that it should not; the message names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [(row["source"], row["path"], row["corner"]) for row in csv.DictReader(handle)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: is not a list of source, path and corner ({error})") from None
    for line, (_, _, label) in enumerate(rows, start=2):
        if label not in (*CORNER.class_names, UNSURE):
            raise ManifestError(f"{path}, line {line}: unknown label {label!r}")
    return MappingProxyType({(source, name): label for source, name, label in rows})


def added_corner(record: PageRecord) -> str:
    """Return what was seen on a page whose list does not say: a class of ``corner``, :data:`UNSURE`, or nothing."""
    return "" if "corner" in record.labels else read_added().get((record.source, record.path), "")
