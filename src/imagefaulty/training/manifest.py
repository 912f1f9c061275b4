"""One list of labelled pages: file, labels for any subset of the checks, source, licence and group.

The format is a CSV file beside the pages. Columns: ``file`` (relative to the CSV), one column per check (a class
name of :mod:`imagefaulty.checks`, or nothing where the answer is not known), ``source`` (where the page comes from,
usually a repository), and optionally ``group`` (sources that must stay together in a split), ``licence``, ``path``
(the page's name at its source), ``notes`` (for people) and ``split``.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image

from imagefaulty._codecs import codec_errors, despite_warnings
from imagefaulty.checks import CHECKS, CheckName
from imagefaulty.errors import ImageFaultyError, ManifestError
from imagefaulty.pages import open_document

#: Sources that hold the same material under different names, by the name of their common group.
COMPANIONS: Final[Mapping[str, str]] = {
    "HTR-United/lectaurep-repertoires": "lectaurep-registers",
    "HTR-United/lectaurep-mariages-et-divorces": "lectaurep-registers",
    "HTR-United/CREMMA-MSS-17": "french-manuscripts",
    "HTR-United/CREMMA-MSS-18": "french-manuscripts",
    "HTR-United/CREMMA-MSS-19": "french-manuscripts",
    "HTR-United/CREMMA-MSS-20": "french-manuscripts",
    "HTRomance-Project/modern-roman-languages": "french-manuscripts",
}

#: Columns of a written manifest; those between the first and ``source`` are the checks.
_COLUMNS: Final = ("file", *(check.name for check in CHECKS), "source", "group", "licence", "path", "notes", "split")
#: A message names this many unreadable pages and counts the others.
_NAMED: Final = 5


_MEDIEVAL: Final = ("12th", "13th", "14th", "15th")


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One labelled page.

    Attributes:
        file: The page, relative to the manifest's directory.
        labels: Class name per check; a check that is missing is *not known*.
        source: Where the page comes from.
        group: Sources of one group never lie on both sides of a split.
        licence: Licence of the page, as its source states it.
        path: The page's name at its source.
        notes: Remarks of the person who labelled it.
        period: When the page was made, such as ``"15th"``; not every manifest has it.
        split: Name of a fixed split, or the empty string.
    """

    file: str
    labels: Mapping[CheckName, str]
    source: str
    group: str
    licence: str = ""
    path: str = ""
    notes: str = ""
    period: str = ""
    split: str = ""

    @property
    def is_minor(self) -> bool:
        """Whether the second hand on a Combination page is so small that the label is a matter of taste."""
        return "minor:" in self.notes

    @property
    def is_nearly_empty(self) -> bool:
        """Whether the page carries so little that it could be taken for empty."""
        return "nearly empty" in self.notes

    @property
    def is_medieval(self) -> bool:
        """Whether the page was written before printing, in a book hand that is as even as print."""
        return any(century in self.period for century in _MEDIEVAL)

    @property
    def is_parchment(self) -> bool:
        """Whether the page is parchment, whose natural edges are not those of torn paper."""
        return "parchment" in self.notes or self.source == "Arch-W/iForal-Dataset"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A list of labelled pages and the directory that they lie in.

    Attributes:
        root: Directory that the records' files are relative to.
        records: The pages, in file order.
        lines: Line of each page in the file that the manifest was read from; empty where there is no such file.
    """

    root: Path
    records: tuple[PageRecord, ...] = field(repr=False)
    lines: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def file(self, record: PageRecord) -> Path:
        """Return where the page lies."""
        return self.root / record.file

    def only(self, *, groups: Iterable[str]) -> Manifest:
        """Return the manifest of the pages whose group is among ``groups``."""
        wanted = frozenset(groups)
        kept = [place for place, record in enumerate(self.records) if record.group in wanted]
        return Manifest(
            self.root,
            tuple(self.records[place] for place in kept),
            tuple(self.lines[place] for place in kept) if self.lines else (),
        )

    def line(self, place: int) -> str:
        """Return in which line a record stands, as messages say it; "" where that is not known."""
        return f" (line {self.lines[place]})" if self.lines else ""

    def counts(self) -> dict[CheckName, Counter[str]]:
        """Count the known labels per check."""
        found: dict[CheckName, Counter[str]] = {check.name: Counter() for check in CHECKS}
        for record in self.records:
            for check, label in record.labels.items():
                found[check][label] += 1
        return found


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest and check that every page is there and every label is known.

    Args:
        path: The CSV file, or the directory that holds a ``manifest.csv``.

    Raises:
        ManifestError: The file cannot be read, lacks a column, names a missing file, an unknown label, the same page
            twice, or puts a group into two splits. The message names the line.
    """
    path = Path(path)
    path = path / "manifest.csv" if path.is_dir() else path
    try:
        # Spreadsheet programs put a mark before the first column's name.
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read as a CSV file ({error})") from None
    if not rows:
        raise ManifestError(f"{path}: lists no pages; give one page per line below a header line")
    if missing := {"file", "source"} - set(rows[0][1]):
        raise ManifestError(f"{path}: lacks the column {', '.join(sorted(missing))}")
    records = [_record(row, path, line) for line, row in rows]
    return manifest_of(path.parent, records, where=path, lines=[line for line, _ in rows])


def manifest_of(root: Path, records: Iterable[PageRecord], *, where: Path, lines: Iterable[int] = ()) -> Manifest:
    """Put records together, once it is sure that they agree with each other.

    Args:
        root: Directory that the records' files are relative to.
        records: The pages.
        where: What messages name: the file or folder that the records come from.
        lines: Line of each record in that file, if it has lines.

    Raises:
        ManifestError: A page is listed twice, or a group lies in two splits.
    """
    manifest = Manifest(root, tuple(records), tuple(lines))
    _refuse_repeats(manifest, where)
    _refuse_split_groups(manifest, where)
    return manifest


def write_manifest(manifest: Manifest, path: str | Path) -> Path:
    """Write a manifest as a CSV file, whole or not at all.

    Args:
        manifest: The pages; they stay where they are, and are named relative to the file that is written.
        path: The CSV file. Its folder is made where it is missing.

    Returns:
        The path.

    Raises:
        ManifestError: The name of a page cannot stand in a CSV file.
        OSError: The file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [_row(manifest, record, path.parent) for record in manifest.records]
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(rows)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def refuse_unreadable(manifest: Manifest) -> None:
    """Open every page so far that format and size are known, and refuse the manifest if one cannot be opened.

    Pixels are not decoded, so damage in the middle of a page goes unnoticed.

    Raises:
        ManifestError: Pages cannot be read; the message names the first five, each with its reason.
    """
    with ThreadPoolExecutor() as threads:
        reasons = threads.map(_why_unreadable, map(manifest.file, manifest.records))
        found = [f"{reason}{manifest.line(place)}" for place, reason in enumerate(reasons) if reason]
    if not found:
        return
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise ManifestError(
        f"{len(found)} of {len(manifest.records)} pages cannot be read: {'; '.join(found[:_NAMED])}{more}."
        " Mend or fetch these files again, or take them out of the list"
    )


def _why_unreadable(path: Path) -> str:
    """Say what is wrong with a page, with its name; nothing where it can be opened."""
    try:
        with open_document(path) as document:
            form = document.format
        if form != "PDF":  # whose pages were counted when it was opened
            with codec_errors(str(path)):
                despite_warnings(lambda: _open_header(path, form))
    except ImageFaultyError as error:
        return error.message
    return ""


def _open_header(path: Path, form: str) -> None:
    with Image.open(path, formats=(form.upper(),)):
        pass


def _row(manifest: Manifest, record: PageRecord, folder: Path) -> list[str]:
    file = Path(os.path.relpath(manifest.file(record), folder)).as_posix()
    labels = [record.labels.get(check.name, "") for check in CHECKS]
    row = [
        file, *labels, record.source, "" if record.group == group_of(record.source) else record.group,
        record.licence, record.path, record.notes, record.split,
    ]  # fmt: skip
    if any(not _survives(cell) for cell in row):
        raise ManifestError(f"{file!a}: its name or source is no text or has space at its ends; rename it")
    return row


def _survives(cell: str) -> bool:
    """Whether a cell is read as it was written: readers strip space, and file names may hold bytes that are no text."""
    return cell == cell.strip() and not any("\ud800" <= character <= "\udfff" for character in cell)


def group_of(source: str) -> str:
    """Return the group of a source that names none: its own, or the one that it shares with its companions."""
    return COMPANIONS.get(source, source)


def _record(row: Mapping[str, str | None], path: Path, line: int) -> PageRecord:
    text = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    where = f"{path}, line {line}"
    if not text["file"] or not (path.parent / text["file"]).is_file():
        raise ManifestError(f"{where}: the page {text['file']!r} is missing; mend the line or fetch the file")
    source = text["source"]
    if not source:
        raise ManifestError(f"{where}: names no source; pages are split by source, so each needs one")
    return PageRecord(
        file=text["file"],
        labels=_labels(text, where),
        source=source,
        group=text.get("group") or group_of(source),
        licence=text.get("licence", ""),
        path=text.get("path", ""),
        notes=text.get("notes", ""),
        period=text.get("period", ""),
        split=text.get("split", ""),
    )


def _labels(text: Mapping[str, str], where: str) -> dict[CheckName, str]:
    labels: dict[CheckName, str] = {}
    for check in CHECKS:
        label = text.get(check.name, "")
        if label and label not in check.class_names:
            raise ManifestError(
                f"{where}: unknown label {label!r} for {check.name}; use one of {', '.join(check.class_names)}"
                " or leave it empty"
            )
        if label:
            labels[check.name] = label
    return labels


def _refuse_repeats(manifest: Manifest, where: Path) -> None:
    seen: dict[str, int] = {}
    for place, record in enumerate(manifest.records):
        first = seen.setdefault(record.file, place)
        if first != place:
            raise ManifestError(
                f"{where}: lists the page {record.file!r}{manifest.line(first)} again{manifest.line(place)}; keep one"
            )


def _refuse_split_groups(manifest: Manifest, where: Path) -> None:
    seen: dict[str, int] = {}
    for place, record in enumerate(manifest.records):
        if not record.split:
            continue
        first = seen.setdefault(record.group, place)
        if manifest.records[first].split != record.split:
            raise ManifestError(
                f"{where}: the source {record.group!r} lies in the splits {manifest.records[first].split!r}"
                f"{manifest.line(first)} and {record.split!r}{manifest.line(place)}; pages of one source must stay"
                " together"
            )
