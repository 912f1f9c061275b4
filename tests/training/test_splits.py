"""Splits keep sources whole, hold every class, and are the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagefaulty.errors import ManifestError
from imagefaulty.training.manifest import Manifest, PageRecord, read_manifest
from imagefaulty.training.splits import assign_folds, folds_of, held_out, read_folds, strict_group, write_folds


def _manifest() -> Manifest:
    records = [
        PageRecord(f"{source}-{page}.png", {"empty": "empty" if page == 0 else "ok"}, source, source)
        for source in "abcdefgh"
        for page in range(4)
    ]
    return Manifest(Path(), tuple(records))


def test_every_fold_gets_its_share_of_a_rare_class() -> None:
    manifest = _manifest()
    folds = folds_of(manifest, assign_folds(manifest, folds=4))
    blanks = [fold for fold, record in zip(folds, manifest.records, strict=True) if record.labels["empty"] == "empty"]
    assert sorted(blanks) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_folds_are_the_same_every_time() -> None:
    assert assign_folds(_manifest()) == assign_folds(_manifest())


def test_written_folds_are_read_back(tmp_path: Path) -> None:
    folds = assign_folds(_manifest())
    write_folds(tmp_path / "folds.csv", folds)
    assert read_folds(tmp_path / "folds.csv") == folds


def test_source_in_two_folds_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "folds.csv").write_text("group,fold\na,0\nb,1\na,1\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="names the source 'a' twice"):
        read_folds(tmp_path / "folds.csv")


def test_source_without_a_fold_is_refused_by_name() -> None:
    with pytest.raises(ManifestError, match="no fold for the source 'b'"):
        folds_of(_manifest(), {"a": 0})


def test_sources_that_a_bundle_does_not_know_count_as_held_out() -> None:
    left = held_out(_manifest(), {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 1, "g": 1})
    assert {record.group for record in left.records} == {"a", "h"}


def test_strict_groups_join_the_folders_of_a_repository() -> None:
    records = [PageRecord("x", {}, name, name) for name in ("owner/files:one", "owner/files:two", "owner/other")]
    assert [strict_group(record) for record in records] == ["owner/files", "owner/files", "owner/other"]


@pytest.mark.shared
def test_embedded_bundle_holds_out_sources_of_every_class(shared_folder: Path) -> None:
    manifest = read_manifest(shared_folder / "data")
    folds = folds_of(manifest, read_folds())
    left = held_out(manifest)
    assert 0.15 < len(left.records) / len(folds) < 0.25
    assert min(min(counts.values()) for counts in left.counts().values()) >= 3
    assert all(len(counts) == len(manifest.counts()[check]) for check, counts in left.counts().items())
