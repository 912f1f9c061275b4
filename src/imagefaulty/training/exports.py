"""A Label Studio export, JSON or JSON-MIN → a manifest. ``docs/training-data.md`` says what is taken from where."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imagefaulty.checks import CheckName
from imagefaulty.errors import ManifestError
from imagefaulty.labelstudio._meaning import folded
from imagefaulty.training._export_controls import Control, configured_controls, guessed_controls
from imagefaulty.training._export_images import ImageFolder, Reference, looks_like_image, parse_reference
from imagefaulty.training._export_tasks import Answer, Record, Task, read_tasks
from imagefaulty.training._words import any_of, the_check
from imagefaulty.training.manifest import Manifest, PageRecord, group_of, manifest_of

_LOG: Final = logging.getLogger(__name__)
_SOURCE_FIELDS: Final = ("source", "archive", "collection", "repository")
_LICENCE_FIELDS: Final = ("licence", "license")


@dataclass(frozen=True, slots=True)
class _Page:
    """One image and what its tasks say of it."""

    reference: Reference
    task: Task
    labels: dict[CheckName, str] = field(default_factory=dict)


def read_export(
    path: str | Path,
    *,
    images: str | Path | None = None,
    config: str | Path | None = None,
    check: str = "",
    source: str = "",
    ignore: Iterable[str] = (),
) -> Manifest:
    """Read the labels of a Label Studio project from its export.

    Of each task the annotation that was changed last counts, skipped ones aside. Tasks without an answer to any of
    the checks are left out.

    Args:
        path: The export, in JSON or JSON-MIN.
        images: Folder that the images lie in, anywhere below; the export's own if None.
        config: The project's labelling configuration (XML). Without it controls are known by their names, else by
            what was chosen, which suffices for those that are called like a check or offer the usual words.
        check: The only check that is wanted; "" for all.
        source: Source of pages whose task names none; their folder or project if "".
        ignore: Choices that stand for "not known".

    Raises:
        ManifestError: The export or the configuration cannot be used, an image is missing, or a choice means nothing.
            The message names the task.
        SettingsError: There is no check of that name.
    """
    path = Path(path)
    ignored, wanted = any_of(ignore), the_check(check) if check else None
    tasks = read_tasks(path)
    controls = (
        configured_controls(Path(config)) if config else guessed_controls(tasks, ignored=ignored)
    )  # fmt: skip
    if wanted:
        controls = {name: control for name, control in controls.items() if control.check == wanted}
    folder = ImageFolder(Path(images) if images else path.parent)
    if not folder.folder.is_dir():
        raise ManifestError(f"{folder.folder}: is no folder; name the one that the images lie in with --images")
    pages = _pages(path, tasks, controls, ignored)
    if not pages:
        raise ManifestError(
            f"{path}: no task has an answer to {f'the check {wanted.name}' if wanted else 'one of the checks'};"
            " label some, or name the project's labelling configuration with --config"
        )
    files = _files(path, pages, folder)
    records = (
        _record(page, files[key], folder.folder, source or path.stem, named=bool(source)) for key, page in pages.items()
    )
    return manifest_of(folder.folder, records, where=path)


def _pages(
    path: Path, tasks: Iterable[Task], controls: Mapping[str, Control], ignored: frozenset[str]
) -> dict[str, _Page]:
    """Return the labelled images, by reference."""
    pages: dict[str, _Page] = {}
    left_out = 0
    for task in tasks:
        said = [answer for answer in task.answers if answer.control in controls]
        left_out += not said
        for answer in said:
            control = controls[answer.control]
            text = _reference(path, task, answer, control)
            if label := _label(path, task, answer, control, ignored):
                page = pages.setdefault(text, _Page(parse_reference(text), task))
                _add(path, task, page, control, label)
    if left_out:
        _LOG.warning("%s: %d tasks without an answer are left out", path, left_out)
    return pages


def _label(path: Path, task: Task, answer: Answer, control: Control, ignored: frozenset[str]) -> str | None:
    """Return the class that was chosen, None if it is not known."""
    where = f"{path}, {task.name}: {answer.control!r}"
    classes: dict[str, str] = {}
    for choice in answer.choices:
        if folded(choice) in ignored:
            continue
        meant = control.class_of(choice)
        if meant is None:
            raise ManifestError(
                f"{where} holds {choice!r}, which means no one class of {control.check.name}"
                f" ({', '.join(control.check.class_names)}); name the labelling configuration with --config, or pass"
                f" the choice over with --ignore {choice!r}"
            )
        classes[meant] = choice
    if len(classes) > 1:
        both = " and ".join(repr(choice) for choice in classes.values())
        raise ManifestError(f"{where} holds {both}, two classes of one check; mend it in Label Studio")
    return next(iter(classes), None)


def _reference(path: Path, task: Task, answer: Answer, control: Control) -> str:
    """Return the reference of the image that an answer is about."""
    where = f"{path}, {task.name}"
    key = control.data_key or _image_key(where, task.data)
    value = task.data.get(key)
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ManifestError(f"{where}: its data has no image under {key!r}; mend the task, or name --config")
    if len(value) > 1 and answer.page is None:
        cure = "export as JSON rather than JSON-MIN" if task.is_min else "label page by page (perItem)"
        raise ManifestError(f"{where}: {answer.control!r} does not say which of {len(value)} pages it is about; {cure}")
    page = answer.page or 0
    if not 0 <= page < len(value):
        raise ManifestError(f"{where}: {answer.control!r} is about page {page + 1} of {len(value)}; mend the task")
    return str(value[page])


def _image_key(where: str, data: Record) -> str:
    keys = [key for key, value in data.items() if looks_like_image(value)]
    if "image" in data or len(keys) == 1:
        return "image" if "image" in data else keys[0]
    several = f"several images ({', '.join(keys)})" if keys else "no image"
    raise ManifestError(f"{where}: its data has {several}; name the labelling configuration with --config")


def _add(path: Path, task: Task, page: _Page, control: Control, label: str) -> None:
    known = page.labels.setdefault(control.check.name, label)
    if known != label:
        other = f" and {page.task.name}" if page.task is not task else ""
        raise ManifestError(
            f"{path}, {task.name}{other}: {page.reference.shown} is both {known!r} and {label!r} for"
            f" {control.check.name}; mend one in Label Studio"
        )


def _files(path: Path, pages: Mapping[str, _Page], folder: ImageFolder) -> dict[str, Path]:
    """Return the file of every page, by reference."""
    found = {key: folder.find(page.reference) for key, page in pages.items()}
    if missing := [pages[key] for key, files in found.items() if not files]:
        first = missing[0]
        more = f" ({len(missing)} images are missing in all)" if len(missing) > 1 else ""
        raise ManifestError(
            f"{path}, {first.task.name}: the image {first.reference.shown} is not below {folder.folder}{more}; name"
            " the folder that the images lie in with --images"
        )
    taken: dict[Path, _Page] = {}
    for key, files in found.items():
        page, where = pages[key], f"{path}, {pages[key].task.name}: the image {pages[key].reference.shown}"
        if len(files) > 1:
            several = " and ".join(str(file) for file in files[:2])
            raise ManifestError(f"{where} could be {several}; keep one, or lay the folders out as in Label Studio")
        if (other := taken.setdefault(files[0], page)) is not page:
            raise ManifestError(
                f"{where} and {other.reference.shown} of {other.task.name} would both be {files[0]}; lay the"
                " folders out as in Label Studio, or remove one of the tasks"
            )
    return {key: files[0] for key, files in found.items()}


def _record(page: _Page, file: Path, images: Path, default: str, *, named: bool) -> PageRecord:
    data = page.task.data
    relative = file.relative_to(images)
    source = _field(data, _SOURCE_FIELDS) or (default if named else _place(page, relative) or default)
    return PageRecord(
        file=relative.as_posix(),
        labels=page.labels,
        source=source,
        group=_field(data, ("group",)) or group_of(source),
        licence=_field(data, _LICENCE_FIELDS),
        path=page.reference.shown,
    )


def _field(data: Record, names: Iterable[str]) -> str:
    """Return the first of these fields of a task's data that holds a word or a number."""
    values: Iterator[object] = (data.get(name) for name in names)
    return next((str(value).strip() for value in values if isinstance(value, str | int) and str(value).strip()), "")


def _place(page: _Page, relative: Path) -> str:
    """Return the folder that a page comes from, else its project."""
    reference = page.reference
    folder = "" if relative.parent == Path() else relative.parent.as_posix()
    if reference.project and folder in ("upload", reference.project, f"upload/{reference.project}"):
        folder = ""
    project = page.task.project or reference.project
    return folder or reference.folder or (f"project {project}" if project else "")
