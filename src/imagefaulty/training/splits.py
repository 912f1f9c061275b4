"""Splits by source, never by page, so that a score means "on an archive we have not seen"."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from imagefaulty.bundle import default_directory
from imagefaulty.errors import ManifestError
from imagefaulty.training.manifest import Manifest, PageRecord

#: The fold that the embedded bundle never sees: held out from fitting and from calibration.
HELD_OUT: Final = 0
#: The repository whose file folders count as sources of their own, see :func:`strict_group`.
SPLIT_REPOSITORY: Final = "codepydog/united-states-uap-files"
#: Where the embedded bundle's folds are written down, so that its figures can be computed again.
FOLDS_FILE: Final = default_directory() / "folds.csv"


_FOLDS: Final = 5


def strict_group(record: PageRecord) -> str:
    """Return a coarser group: everything of one repository, whatever file folder it came from.

    The file folders of ``codepydog/united-states-uap-files`` are sources of their own in the shared data, yet they
    share scanners, a black bed and a typist's century. Scores by this grouping are the more cautious ones.
    """
    return record.group.split(":")[0]


def assign_folds(manifest: Manifest, *, folds: int = _FOLDS) -> dict[str, int]:
    """Spread the groups over folds so that each fold holds its share of every class.

    Greedy and deterministic: groups with the largest share of a rare class first, each to the fold that lacks most
    of what the group has (after Sechidis et al., "On the Stratification of Multi-Label Data", 2011).

    Args:
        manifest: The pages.
        folds: How many folds.

    Returns:
        Fold number per group.
    """
    tallies = {group: _tally(records) for group, records in _by_group(manifest).items()}
    totals: Counter[str] = sum(tallies.values(), Counter())
    shares = {group: {key: count / totals[key] for key, count in tally.items()} for group, tally in tallies.items()}
    filled: list[dict[str, float]] = [{} for _ in range(folds)]
    chosen: dict[str, int] = {}
    for group in sorted(shares, key=lambda name: (-max(shares[name].values()), name)):
        fold = min(range(folds), key=lambda index: (_load(filled[index], shares[group]), index))
        chosen[group] = fold
        for key, share in shares[group].items():
            filled[fold][key] = filled[fold].get(key, 0.0) + share
    return chosen


def write_folds(path: Path, folds: Mapping[str, int]) -> None:
    """Write fold numbers as CSV, one group a line."""
    rows = sorted(folds.items(), key=lambda item: (item[1], item[0]))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("group", "fold"))
        writer.writerows(rows)


def read_folds(path: Path = FOLDS_FILE) -> dict[str, int]:
    """Read fold numbers as :func:`write_folds` wrote them.

    Raises:
        ManifestError: The file cannot be read, or names a group twice.
    """
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [(row["group"], int(row["fold"])) for row in csv.DictReader(handle)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ManifestError(f"{path}: is not a list of groups and folds ({error})") from None
    folds = dict(rows)
    if len(folds) != len(rows):
        repeated = Counter(group for group, _ in rows).most_common(1)[0][0]
        raise ManifestError(f"{path}: names the source {repeated!r} twice; pages of one source must stay together")
    return folds


def folds_for(manifest: Manifest) -> dict[str, int]:
    """Return the fold of every group: as written down for the embedded bundle, or spread anew for other pages.

    Raises:
        ManifestError: All pages are of one group, so that none could be judged by a model that has not seen it.
    """
    known = read_folds()
    groups = {record.group for record in manifest.records}
    if groups <= set(known):
        return known
    if len(groups) < 2:  # noqa: PLR2004
        raise ManifestError(
            f"{manifest.root}: all pages are of the source {next(iter(groups))!r}; a model is judged on sources that it"
            " has not seen, so name at least two (archives, collections or boxes) in the column 'source'"
        )
    return assign_folds(manifest, folds=min(_FOLDS, len(groups)))


def folds_of(manifest: Manifest, folds: Mapping[str, int]) -> list[int]:
    """Return the fold of every record.

    Raises:
        ManifestError: A group of the manifest has no fold.
    """
    if unknown := sorted({record.group for record in manifest.records} - set(folds)):
        raise ManifestError(f"{manifest.root}: no fold for the source {unknown[0]!r}; add it to the folds file")
    return [folds[record.group] for record in manifest.records]


def validation_groups(manifest: Manifest, *, share: float) -> set[str]:
    """Choose groups whose pages say when to stop fitting, so that they are not fitted on.

    Groups are taken in an order that looks like chance and is always the same, as long as no class loses more than
    ``share`` of its pages: what is rare stays among the pages to learn from.

    Args:
        manifest: The pages.
        share: The most that is taken of the pages of any class.
    """
    tallies = {group: _tally(records) for group, records in _by_group(manifest).items()}
    totals: Counter[str] = sum(tallies.values(), Counter())
    chosen: set[str] = set()
    taken: Counter[str] = Counter()
    for group in sorted(tallies, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        if all(taken[key] + count <= share * totals[key] for key, count in tallies[group].items()):
            chosen.add(group)
            taken += tallies[group]
    return chosen


def held_out(manifest: Manifest, folds: Mapping[str, int] | None = None) -> Manifest:
    """Return the pages that the embedded bundle has not seen: its held-out sources, and sources it does not know."""
    known = read_folds() if folds is None else folds
    return manifest.only(groups={record.group for record in manifest.records if known.get(record.group, 0) == HELD_OUT})


def _by_group(manifest: Manifest) -> dict[str, list[PageRecord]]:
    groups: dict[str, list[PageRecord]] = {}
    for record in manifest.records:
        groups.setdefault(record.group, []).append(record)
    return groups


def _tally(records: Iterable[PageRecord]) -> Counter[str]:
    tally: Counter[str] = Counter()
    for record in records:
        tally["pages"] += 1
        for check, label in record.labels.items():
            kind = " (parchment)" if check == "corner" and record.is_parchment else ""
            tally[f"{check}={label}{kind}"] += 1
        tally["nearly empty"] += record.is_nearly_empty
    return +tally


def _load(filled: Mapping[str, float], share: Mapping[str, float]) -> float:
    """How full a fold is already of what a group would bring, weighed by how much of it the group has."""
    return sum(filled.get(key, 0.0) * weight for key, weight in share.items()) / sum(share.values())
