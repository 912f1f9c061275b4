"""What a task asks for: anything may be in it, for it comes from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagefaulty.errors import SourceError
from imagefaulty.finding import Failure, Finding
from imagefaulty.labelstudio.config import LabelConfig, Picture
from imagefaulty.labelstudio.predictions import Findings
from imagefaulty.labelstudio.references import TaskIdentity, shown


class TaskFailure(Exception):
    """A task gets no prediction.

    Attributes:
        failure: What to tell.
        reference: The image reference, as it was sent.
    """

    def __init__(self, failure: Failure, reference: str = "") -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.reference = reference


@dataclass(frozen=True, slots=True)
class Wanted:
    """One page that a task needs.

    Attributes:
        picture: The image that it belongs to.
        place: Its place in a list of pages.
        reference: Where it is.
    """

    picture: Picture
    place: int
    reference: str


def wanted_pages(task: object, config: LabelConfig) -> list[Wanted]:
    """Return the pages that a task needs.

    An image whose key is missing or empty leaves its controls blank, as long as there is another.

    Raises:
        TaskFailure: The entry is no task, or holds no image at all.
    """
    if not isinstance(task, dict) or not isinstance(data := task.get("data"), dict):
        raise TaskFailure(Failure("task", "the entry is no task: it has no data; send Label Studio's task objects"))
    pages = [page for picture in config.pictures for page in _pages(picture, data)]
    if not pages:
        wanted = " or ".join(repr(key) for key in config.data_keys)
        keys = ", ".join(str(name) for name in data) or "none"
        cure = f"import tasks with that key, or name another in the Image tag (keys here: {shown(keys)})"
        raise TaskFailure(Failure(SourceError.code, f"the task's data holds no image under {wanted}; {cure}"))
    return pages


def _pages(picture: Picture, data: Mapping[str, Any]) -> Iterator[Wanted]:
    value = data.get(picture.data_key)
    references = value if isinstance(value, list) else [value]
    for place, reference in enumerate(references if picture.listed else references[:1]):
        if isinstance(reference, str) and reference.strip():
            yield Wanted(picture, place, reference)


def findings_by_key(pages: Sequence[Wanted], found: Sequence[Finding]) -> Findings:
    """Return the findings by key of the task's data: a list, with gaps, for a list of pages."""
    by_key: dict[str, Finding | list[Finding | None]] = {}
    for page, finding in zip(pages, found, strict=True):
        if not page.picture.listed:
            by_key[page.picture.data_key] = finding
            continue
        places = by_key.setdefault(page.picture.data_key, [])
        if isinstance(places, list):
            places += [None] * (page.place + 1 - len(places))
            places[page.place] = finding
    return by_key


def identity(task: Mapping[str, Any]) -> TaskIdentity:
    """Return which task asks."""
    return TaskIdentity(_whole_number(task.get("id")), _whole_number(task.get("project")))


def _whole_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def shown_id(task: object) -> int | str | None:
    """Return a task's id as it may be shown; it may be anything."""
    value = task.get("id") if isinstance(task, dict) else None
    if value is None or isinstance(value, int):
        return value
    return shown(str(value))
