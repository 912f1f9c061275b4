"""What was labelled in Label Studio is read from its exports; the fixtures are what Label Studio 1.23.2 wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagefaulty.errors import ManifestError, SettingsError
from imagefaulty.training.exports import read_export
from imagefaulty.training.manifest import PageRecord

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
CONFIG = """<View><Image name="pic" value="$scan"/>
<Choices name="edge" toName="pic"><Choice value="sound"  predicted_values="ok"/><Choice alias="bad" value="folded"/>
</Choices><TextArea name="text" toName="pic"/></View>"""


def images(folder: Path, *names: str) -> Path:
    """Write files with these names below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def export(folder: Path, *tasks: dict[str, Any]) -> Path:
    """Write an export."""
    path = folder / "export.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def task(number: int, image: object, *annotations: dict[str, Any], **data: object) -> dict[str, Any]:
    """One task as the form JSON has it."""
    return {"id": number, "project": 7, "data": {"image": image, **data}, "annotations": list(annotations)}


def annotation(changed: str = "2026-01-01", *, cancelled: bool = False, **choices: str) -> dict[str, Any]:
    """One annotation, choices by control."""
    result = [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [choice]}}
        for name, choice in choices.items()
    ]
    return {"id": 1, "updated_at": changed, "was_cancelled": cancelled, "result": result}


def only(path: Path, **arguments: Any) -> PageRecord:
    """The only page of an export."""
    (record,) = read_export(path, **arguments).records
    return record


@pytest.mark.parametrize("form", ["label_studio_export", "label_studio_export_min"])
def test_both_forms_give_the_same_labels(tmp_path: Path, form: str) -> None:
    folder = images(
        tmp_path, "upload/1/5c865dd4-letter_1.jpg", "upload/1/3a6cf8f5-Straße.jpg", "scans/box 1/003.jpg"
    )  # fmt: skip
    manifest = read_export(FIXTURES / f"{form}.json", images=folder)
    assert [(record.file, dict(record.labels), record.source) for record in manifest.records] == [
        (
            "upload/1/5c865dd4-letter_1.jpg",
            {"writing_type": "Combination", "post_it": "ok", "corner": "ok", "empty": "ok"},
            "project 1",
        ),
        ("upload/1/3a6cf8f5-Straße.jpg", {"writing_type": "Typewritten", "empty": "ok"}, "project 1"),
        ("scans/box 1/003.jpg", {"empty": "empty", "corner": "ok"}, "parish of X"),
    ]


def test_pages_of_one_task_are_told_apart(tmp_path: Path) -> None:
    folder = images(tmp_path, "box 1/003.jpg", "box 1/004.jpg")
    manifest = read_export(FIXTURES / "label_studio_export_pages.json", images=folder)
    assert [(record.file, dict(record.labels)) for record in manifest.records] == [
        ("box 1/003.jpg", {"corner": "ok"}),
        ("box 1/004.jpg", {"corner": "folded_corner"}),
    ]


def test_short_form_that_does_not_tell_pages_apart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"task 5: 'corner' does not say which of 2 pages .* export as JSON"):
        read_export(FIXTURES / "label_studio_export_pages_min.json", images=tmp_path)


def test_annotation_changed_last_counts_and_skipped_ones_do_not(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg")
    path = export(
        tmp_path,
        task(
            1,
            "a.jpg",
            annotation("2026-01-03", corner="C"),
            annotation("2026-01-02", corner="NC"),
            annotation("2026-01-04", cancelled=True, corner="NC"),
        ),
        task(2, "b.jpg", annotation(cancelled=True, corner="NC")),
        task(3, "c.jpg"),
    )
    assert dict(only(path).labels) == {"corner": "folded_corner"}


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("/data/upload/3/0123abcd-letter_1.jpg", "upload/3/0123abcd-letter_1.jpg"),
        ("upload/3/0123abcd-letter_1.jpg", "0123abcd-letter_1.jpg"),
        ("http://host/label/data/upload/3/0123abcd-letter_1.jpg", "originals/letter 1.jpg"),
        ("/data/local-files/?d=scans/box%201/a.jpg", "scans/box 1/a.jpg"),
        ("http://localhost:8080/data/local-files/?d=scans%2Fbox%201%2Fa.jpg", "box 1/a.jpg"),
        ("s3://bucket/scans/a.jpg", "scans/a.jpg"),
        ("http://host/tasks/4/resolve/?fileuri=czM6Ly9idWNrZXQvc2NhbnMvYS5qcGc", "scans/a.jpg"),
        ("https://host/iiif/a%20b.jpg?token=secret", "anywhere/a b.jpg"),
        ("C:\\scans\\box\\a.jpg", "box/a.jpg"),
        ("50%25 off.jpg", "50%25 off.jpg"),
        ("a.jpg", "deep/below/a.jpg"),
        ("../../a.jpg", "a.jpg"),
    ],
)
def test_references_lead_to_files(tmp_path: Path, reference: str, file: str) -> None:
    images(tmp_path, file)
    record = only(export(tmp_path, task(1, reference, annotation(empty="E"))))
    assert record.file == file
    assert "secret" not in record.path


def test_missing_image_is_refused_by_name_and_counted(tmp_path: Path) -> None:
    marked = annotation(empty="E")
    path = export(tmp_path, task(8, "/data/local-files/?d=a/1.jpg", marked), task(9, "a/2.jpg", marked))
    with pytest.raises(ManifestError, match=r"task 8: the image .*d=a/1\.jpg is not below .*2 images are missing"):
        read_export(path)


def test_same_name_in_another_folder_is_another_image(tmp_path: Path) -> None:
    images(tmp_path, "b/1.jpg")
    with pytest.raises(ManifestError, match=r"a/1\.jpg is not below"):
        read_export(export(tmp_path, task(1, "a/1.jpg", annotation(empty="E"))))


def test_image_that_could_be_two_files_is_refused(tmp_path: Path) -> None:
    images(tmp_path, "b/1.jpg", "c/1.jpg")
    with pytest.raises(ManifestError, match=r"the image 1\.jpg could be .*b/1\.jpg and .*c/1\.jpg"):
        read_export(export(tmp_path, task(1, "1.jpg", annotation(empty="E"))))


def test_two_images_that_would_be_one_file_are_refused(tmp_path: Path) -> None:
    images(tmp_path, "1.jpg")
    marked = annotation(empty="E")
    with pytest.raises(ManifestError, match=r"a/1\.jpg of task 1 would both be"):
        read_export(export(tmp_path, task(1, "a/1.jpg", marked), task(2, "b/1.jpg", marked)))


def test_image_inside_the_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="task 1: the image data: URI of"):
        read_export(export(tmp_path, task(1, "data:image/png;base64,AAAA", annotation(empty="E"))))


def test_tasks_of_one_image_are_one_page_unless_they_disagree(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg")
    agreeing = (task(1, "a.jpg", annotation(empty="E")), task(2, "a.jpg", annotation(empty="E", corner="NC")))
    assert dict(only(export(tmp_path, *agreeing)).labels) == {"empty": "empty", "corner": "ok"}
    with pytest.raises(ManifestError, match=r"task 3 and task 1: a\.jpg is both 'empty' and 'ok' for empty"):
        read_export(export(tmp_path, *agreeing, task(3, "a.jpg", annotation(empty="NE"))))


def test_choice_that_means_no_class_is_refused_or_passed_over(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg", "b.jpg")
    path = export(
        tmp_path, task(1, "a.jpg", annotation(empty="E")), task(2, "b.jpg", annotation(empty="Can't tell"))
    )  # fmt: skip
    with pytest.raises(ManifestError, match="task 2: 'empty' holds \"Can't tell\", which means no one class of empty"):
        read_export(path)
    assert only(path, ignore=["can't tell"]).file == "a.jpg"


def test_two_classes_of_one_check_are_refused(tmp_path: Path) -> None:
    marked = annotation(empty="E")
    marked["result"][0]["value"]["choices"].append("NE")
    images(tmp_path, "a.jpg")
    with pytest.raises(ManifestError, match="task 1: 'empty' holds 'E' and 'NE', two classes of one check"):
        read_export(export(tmp_path, task(1, "a.jpg", marked)))


def test_control_with_a_name_of_its_own_is_known_by_its_choices(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg", "b.jpg")
    path = export(
        tmp_path,
        task(1, "a.jpg", annotation(schrift="Typewritten", legible="yes")),
        task(2, "b.jpg", annotation(schrift="Both")),
    )
    assert [dict(record.labels) for record in read_export(path).records] == [
        {"writing_type": "Typewritten"},
        {"writing_type": "Combination"},
    ]


def test_configuration_says_what_controls_choices_and_fields_mean(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "config.xml").write_text(CONFIG)
    path = export(
        tmp_path,
        {"id": 1, "scan": "a.jpg", "other": "x.jpg", "edge": "sound", "annotation_id": 1},
        {"id": 2, "scan": "b.jpg", "other": "x.jpg", "edge": "bad", "annotation_id": 2},
    )
    with pytest.raises(ManifestError, match="no task has an answer to one of the checks; label some, or name"):
        read_export(path)
    records = read_export(path, config=tmp_path / "config.xml").records
    assert [(record.file, dict(record.labels)) for record in records] == [
        ("a.jpg", {"corner": "ok"}),
        ("b.jpg", {"corner": "folded_corner"}),
    ]


@pytest.mark.parametrize(("text", "message"), [("<View/>", "no control that can be filled in"), ("<", "config.xml")])
def test_configuration_that_says_nothing_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.xml").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_export(export(tmp_path, task(1, "a.jpg", annotation(empty="E"))), config=tmp_path / "config.xml")


def test_only_the_named_check_is_taken(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg")
    path = export(tmp_path, task(1, "a.jpg", annotation(empty="E", corner="NC")))
    assert dict(only(path, check="corner").labels) == {"corner": "ok"}
    with pytest.raises(ManifestError, match="no task has an answer to the check post_it"):
        read_export(path, check="post_it")
    with pytest.raises(SettingsError, match="unknown check 'stains'"):
        read_export(path, check="stains")


@pytest.mark.parametrize(
    ("image", "data", "named", "source"),
    [
        ("x/a.jpg", {"source": "parish"}, "mine", "parish"),
        ("x/a.jpg", {"collection": 12}, "", "12"),
        ("x/a.jpg", {}, "mine", "mine"),
        ("x/a.jpg", {}, "", "x"),
        ("/data/upload/3/0123abcd-a.jpg", {}, "", "project 7"),
    ],
)
def test_source_is_what_the_task_says_else_its_folder_else_its_project(
    tmp_path: Path, image: str, data: dict[str, object], named: str, source: str
) -> None:
    images(tmp_path, "a.jpg")
    path = export(tmp_path, task(1, image, annotation(empty="E"), license="CC0", **data))
    record = only(path, source=named)
    assert (record.source, record.licence) == (source, "CC0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("{}", "no list of tasks"),
        ('[{"image": "a.jpg"}]', "no list of tasks"),
        ("[]", "no task has an answer"),
        ('[{"id": 1, "corner": "C"}]', "task 1: its data has no image; name the labelling configuration"),
        ('[{"id": 1, "corner": "C", "a": "1.jpg", "b": "2.jpg"}]', r"several images \(a, b\)"),
        ('[{"id": 1, "corner": "C", "image": ""}]', "no image under 'image'"),
    ],
)
def test_what_is_no_usable_export_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_export(path)


def test_folder_of_images_that_is_none_is_refused(tmp_path: Path) -> None:
    path = export(tmp_path, task(1, "a.jpg", annotation(empty="E")))
    with pytest.raises(ManifestError, match="name the one that the images lie in with --images"):
        read_export(path, images=tmp_path / "gone")
