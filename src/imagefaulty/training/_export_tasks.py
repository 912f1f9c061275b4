"""The two forms of a Label Studio export, JSON and JSON-MIN → tasks with the answers that count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imagefaulty.errors import ManifestError

Record = Mapping[str, Any]

#: What JSON-MIN puts beside the fields of the task and the answers.
_ADDED: Final = frozenset(
    {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "history"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one control was answered.

    Attributes:
        control: Its name, ``from_name`` of a result.
        choices: The choices as stored: alias, else value.
        page: Which image of a list it is about, from 0; None where that is not said.
    """

    control: str
    choices: tuple[str, ...]
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One task with its latest annotation.

    Attributes:
        name: What messages call it.
        project: Number of its project, "" where the export does not say it.
        data: Its data.
        answers: What was chosen; empty if nobody annotated the task, or everybody skipped it.
        is_min: Whether data and answers stand side by side, so that a field may be either.
    """

    name: str
    project: str
    data: Record
    answers: tuple[Answer, ...]
    is_min: bool = False


def read_tasks(path: Path) -> list[Task]:
    """Read an export.

    Raises:
        ManifestError: The file cannot be read, or is no export in JSON or JSON-MIN.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) and "id" in record for record in records):
        raise ManifestError(f"{path}: is no list of tasks; export the project as JSON or JSON-MIN")
    if any(isinstance(record.get("data"), dict) for record in records):
        return [_task(record) for record in records]
    return [_min_task(record) for record in _latest_by_task(records)]


def _task(record: Record) -> Task:
    annotations = [
        each
        for each in _dicts(record.get("annotations"))
        if not each.get("was_cancelled") and not each.get("skipped")
    ]  # fmt: skip
    latest = max(annotations, key=_age, default={})
    data = record.get("data")
    return Task(
        name=f"task {record['id']}",
        project=str(record.get("project") or ""),
        data=data if isinstance(data, dict) else {},
        answers=tuple(_answers(_dicts(latest.get("result")))),
    )


def _answers(results: Sequence[Record]) -> Iterator[Answer]:
    for result in results:
        choices = _choices(result.get("value"))
        if result.get("type") == "choices" and isinstance(result.get("from_name"), str) and choices:
            page = result.get("item_index")
            yield Answer(result["from_name"], choices, page if isinstance(page, int) else None)


def _latest_by_task(records: Sequence[Record]) -> list[Record]:
    """JSON-MIN has one record per annotation, without the cancelled ones."""
    latest: dict[str, Record] = {}
    for record in sorted(records, key=_age):
        latest[str(record["id"])] = record
    return list(latest.values())


def _min_task(record: Record) -> Task:
    fields = {key: value for key, value in record.items() if key not in _ADDED}
    answers = [Answer(key, choices) for key, value in fields.items() if (choices := _choices(value))]
    return Task(f"task {record['id']}", "", fields, tuple(answers), is_min=True)


def _choices(value: object) -> tuple[str, ...]:
    """Return the choices in a result's value, or in what JSON-MIN makes of one: a word, or a list of either."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        return tuple(choice for each in value for choice in _choices(each))
    return (value,) if isinstance(value, str) else ()


def _age(record: Record) -> tuple[str, int]:
    """Annotations were last changed in this order; Label Studio writes all times alike, in UTC."""
    number = record.get("annotation_id", record.get("id"))
    changed = record.get("updated_at") or record.get("created_at")
    return str(changed or ""), number if isinstance(number, int) else 0


def _dicts(value: object) -> list[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
