"""A tree of folders says of each page what it is, or is refused by name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagefaulty.checks import CHECKS
from imagefaulty.errors import ManifestError, SettingsError
from imagefaulty.training.manifest import PageRecord, read_manifest, write_manifest
from imagefaulty.training.trees import read_tree


def tree(root: Path, *files: str) -> Path:
    """Write one small file per path, each with content of its own; ``path::text`` gives it that content."""
    for file in files:
        name, _, content = file.partition("::")
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or name)
    return root


def only(root: Path, **arguments: str) -> PageRecord:
    """The only page of a tree."""
    (record,) = read_tree(root, **arguments).records
    return record


@pytest.mark.parametrize(
    ("file", "labels", "source"),
    [
        ("post_it/ok/a.jpg", {"post_it": "ok"}, ""),
        ("post-it/post-it/a.jpg", {"post_it": "post-it"}, ""),
        ("empty/empty/a.jpg", {"empty": "empty"}, ""),
        ("empty/a.jpg", {"empty": "empty"}, ""),
        ("Folded Corner/a.jpg", {"corner": "folded_corner"}, ""),
        ("h/a.jpg", {"writing_type": "Handwritten"}, ""),
        ("corner/C/box 1/a.jpg", {"corner": "folded_corner"}, "box 1"),
        ("writing_type/C/box 1/left/a.jpg", {"writing_type": "Combination"}, "box 1"),
        ("parish/Typewritten/a.jpg", {"writing_type": "Typewritten"}, "parish"),
        ("parish/corner/NC/a.jpg", {"corner": "ok"}, "parish"),
        ("corner/parish/ok/1/a.jpg", {"corner": "ok"}, "parish"),
        ("corner/yes/a.jpg", {"corner": "folded_corner"}, ""),
    ],
)
def test_folders_say_check_class_and_source(tmp_path: Path, file: str, labels: dict[str, str], source: str) -> None:
    record = only(tree(tmp_path / "scans", file))
    assert dict(record.labels) == labels
    assert record.source == (source or "scans")


def test_classes_that_lie_side_by_side_say_which_check_they_are_of(tmp_path: Path) -> None:
    manifest = read_tree(tree(tmp_path, "ok/a.jpg", "post-it/b.jpg"))
    assert [dict(record.labels) for record in manifest.records] == [{"post_it": "ok"}, {"post_it": "post-it"}]
    manifest = read_tree(tree(tmp_path / "t", "C/a.jpg", "H/b.jpg"))
    assert dict(manifest.records[0].labels) == {"writing_type": "Combination"}


def test_root_may_be_called_after_the_check(tmp_path: Path) -> None:
    assert dict(only(tree(tmp_path / "corner", "ok/a.jpg")).labels) == {"corner": "ok"}


@pytest.mark.parametrize("folder", ["ok", "C", "none"])
def test_class_of_several_checks_is_refused_by_name(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ManifestError, match=rf"'{folder}/a.jpg' lies in '{folder}', which could be a class of .* or "):
        read_tree(tree(tmp_path, f"{folder}/a.jpg"))


def test_named_check_settles_what_the_folders_leave_open(tmp_path: Path) -> None:
    assert dict(only(tree(tmp_path, "box/C/a.jpg"), check="Corner").labels) == {"corner": "folded_corner"}


def test_named_check_that_the_folders_contradict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is the check corner, not empty; leave --check out"):
        read_tree(tree(tmp_path, "corner/ok/a.jpg"), check="empty")


def test_check_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown check 'stains'; the checks are writing_type"):
        read_tree(tree(tmp_path, "ok/a.jpg"), check="stains")


@pytest.mark.parametrize("file", ["a.jpg", "box/a.jpg", "writing_type/a.jpg"])
def test_page_in_no_class_folder_is_refused_by_name(tmp_path: Path, file: str) -> None:
    with pytest.raises(ManifestError, match=f"the page '{file}' lies in no folder that names a class"):
        read_tree(tree(tmp_path, file))


def test_page_that_lies_beside_the_classes_of_a_check_gets_no_class_of_it(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"the page 'post_it/unsorted/b\.jpg' lies in no folder"):
        read_tree(tree(tmp_path, "post_it/ok/a.jpg", "post_it/unsorted/b.jpg"))


def test_page_in_two_class_folders_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="folders that all name a class, 'ok' and 'post-it'"):
        read_tree(tree(tmp_path, "post_it/ok/post-it/a.jpg"))


def test_ignored_folders_are_passed_over(tmp_path: Path) -> None:
    root = tree(tmp_path, "empty/ok/a.jpg", "empty/Un-sorted/b.jpg")
    assert [record.file for record in read_tree(root, ignore=["unsorted"]).records] == ["empty/ok/a.jpg"]


def test_same_file_under_several_checks_is_one_page_with_several_labels(tmp_path: Path) -> None:
    root = tree(tmp_path, "corner/ok/parish/a.jpg::A", "empty/ok/x.jpg::A", "empty/ok/again.jpg::A", "empty/E/b.jpg::B")
    one, other = read_tree(root).records
    assert (one.file, dict(one.labels), one.source) == (
        "corner/ok/parish/a.jpg",
        {"corner": "ok", "empty": "ok"},
        "parish",
    )
    assert dict(other.labels) == {"empty": "empty"}


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (["empty/ok/a.jpg::A", "empty/empty/b.jpg::A"], "empty would be"),
        (["empty/ok/x/a.jpg::A", "corner/ok/y/b.jpg::A"], "source would be"),
        (["empty/ok/train/x/a.jpg::A", "empty/ok/val/x/b.jpg::A"], "split would be"),
    ],
)
def test_same_file_with_two_answers_is_refused_by_both_names(tmp_path: Path, files: list[str], what: str) -> None:
    with pytest.raises(ManifestError, match=rf"a\.jpg' and '.*b\.jpg' are the same file, yet its {what}|b\.jpg' and"):
        read_tree(tree(tmp_path, *files))


def test_split_folders_are_kept_and_count_as_sources_where_none_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", "train/ok/a.jpg", "train/empty/b.jpg", "val/empty/c.jpg", "val/ok/d.jpg")
    records = read_tree(root, source="parish").records
    assert {(record.split, record.source) for record in records} == {("train", "parish/train"), ("val", "parish/val")}


def test_source_in_two_splits_is_refused_by_name(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/empty/ok/box/a.jpg", "val/empty/ok/box/b.jpg")
    with pytest.raises(ManifestError, match="the source 'box' lies in the splits 'train' and 'val'"):
        read_tree(root)


def test_folder_without_pages_is_refused_and_an_export_in_it_named(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text("[]")
    with pytest.raises(ManifestError, match=r"for a Label Studio export name the file itself: .*export\.json"):
        read_tree(tmp_path)


def test_file_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is no folder"):
        read_tree(tmp_path / "nothing")


def test_link_that_leads_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    tree(tmp_path, "corner/ok/a.jpg")
    (tmp_path / "corner" / "ok" / "b.jpg").symlink_to("gone.jpg")
    with pytest.raises(ManifestError, match=r"'corner/ok/b\.jpg' cannot be read"):
        read_tree(tmp_path)


_PLACES = st.lists(
    st.tuples(
        st.sampled_from([(check.name, page_class.name) for check in CHECKS for page_class in check.classes]),
        st.sampled_from(["box 1", "Ångström", "=1+1", "a,b", '"quoted"']),
        st.booleans(),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda place: place[3],
)


@settings(max_examples=40, deadline=None)
@given(_PLACES)
def test_tree_written_as_a_manifest_is_read_the_same(places: list[tuple[tuple[str, str], str, bool, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "pages"
        wanted = {}
        for (check, label), source, before, number in places:
            # The source may stand on either side of the class, and words may be written in any case.
            word = (label, label.upper(), label.replace("_", "-"))[number % 3]
            names = (check, source, word) if before else (check, word, source)
            file = "/".join([*names, f"{number}.jpg"])
            tree(root, file)
            wanted[file] = ({check: label}, source)
        manifest = read_tree(root)
        assert {record.file: (dict(record.labels), record.source) for record in manifest.records} == wanted
        again = read_manifest(write_manifest(manifest, Path(folder) / "lists" / "manifest.csv"))
        assert [(dict(r.labels), r.source, r.group) for r in again.records] == [
            (dict(r.labels), r.source, r.group) for r in manifest.records
        ]
        assert [again.file(r).resolve() for r in again.records] == [manifest.file(r) for r in manifest.records]
