"""Tasks of a project through Label Studio's API: listing any number, importing, and storing predictions in bulk."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from imagefaulty.errors import LabelStudioError, LabelStudioRejected
from imagefaulty.finding import Failure
from imagefaulty.labelstudio.client import LabelStudioClient, UploadFile
from imagefaulty.labelstudio.projects import model_versions

#: Tasks listed per call; Label Studio takes about 1 ms for each.
PAGE_TASKS: Final = 200
#: Predictions held back at most. One prediction is about 1 kB of JSON, so this is 5 MB.
_WAITING_LIMIT: Final = 5000
# Label Studio counts all predictions of a project anew after each import (0.9 ms each on SQLite), so bulks must grow
# with the project, or their cost grows with its square: a bulk waits four times as long as the last one took.
_PATIENCE: Final = 4.0
_SHORTEST_WAIT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks of a project.

    Attributes:
        tasks: Their ``id``, ``project`` and raw ``data``: cloud addresses are not resolved.
        total: How many there are from here on, these included.
    """

    tasks: Sequence[Mapping[str, Any]]
    total: int


async def list_tasks(
    client: LabelStudioClient,
    project: int,
    *,
    without_version: str = "",
    only_unlabelled: bool = False,
    page_tasks: int = PAGE_TASKS,
) -> AsyncIterator[TaskPage]:
    """Yield all tasks of a project in order of their numbers, page by page.

    Each page starts behind the last task of the one before, so tasks that come, go or get predictions meanwhile shift
    nothing.

    Args:
        client: Label Studio.
        project: The project's number.
        without_version: Leave out tasks that have a prediction of this model version.
        only_unlabelled: Leave out tasks that have an annotation.
        page_tasks: Tasks on a page.
    """
    exact = bool(without_version) and await _is_part_of_another(client, project, without_version)
    last = 0
    while True:
        filters = [_filter("id", "greater", "Number", last)]
        if only_unlabelled:
            filters.append(_filter("total_annotations", "equal", "Number", 0))
        if without_version and not exact:
            filters.append(_filter("predictions_model_versions", "not_contains", "List", [without_version]))
        fields = {"fields": "all"} if exact else {"fields": "task_only", "include": "id,project,data"}
        query = json.dumps({"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:id"]})
        listed = await client.get(
            "/api/tasks", project=project, page=1, page_size=page_tasks, resolve_uri="false", query=query, **fields
        )
        found = listed["tasks"]
        if not found:
            return
        last = max(task["id"] for task in found)
        wanted = [task for task in found if not (exact and _has_version(task, without_version))]
        yield TaskPage([{**task, "project": project} for task in wanted], int(listed["total"]))
        if len(found) >= int(listed["total"]):
            return


async def _is_part_of_another(client: LabelStudioClient, project: int, version: str) -> bool:
    """Say whether Label Studio, which compares versions by containment, would mistake another one for this one."""
    part = version.casefold()
    return any(part in name.casefold() and name != version for name in await model_versions(client, project))


def _filter(column: str, operator: str, kind: str, value: object) -> dict[str, object]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _has_version(task: Mapping[str, Any], version: str) -> bool:
    return any(prediction.get("model_version") == version for prediction in task.get("predictions") or ())


async def import_tasks(client: LabelStudioClient, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
    """Make tasks from ``{"data": {...}, "predictions": [...]}`` objects."""
    await client.post(f"/api/projects/{project}/import", list(tasks))


async def upload_files(client: LabelStudioClient, project: int, files: Sequence[UploadFile]) -> list[str]:
    """Upload files without making tasks; return the reference to each, in order, for a task's data.

    Args:
        client: Label Studio.
        project: The project's number.
        files: At most 100, of the types that Label Studio takes: JPEG, PNG, GIF, BMP, SVG, WebP.
    """
    answer = await client.upload(f"/api/projects/{project}/import", files, commit_to_project="false")
    numbers = answer["file_upload_ids"]
    if len(numbers) != len(files):
        raise LabelStudioError(f"Label Studio took {len(numbers)} of {len(files)} files; look into its log")
    listed = await client.get(f"/api/projects/{project}/file-uploads", ids=json.dumps(numbers))
    by_number = {each["id"]: each["file"] for each in listed}
    return [f"/data/{by_number[number]}" for number in numbers]


async def store_predictions(
    client: LabelStudioClient, project: int, predictions: Sequence[Mapping[str, Any]]
) -> dict[int, Failure]:
    """Store predictions, each with the number of its ``task``; return why some were not stored, by task.

    One that Label Studio rejects (its task was deleted meanwhile, say) does not keep the others out.

    Raises:
        LabelStudioError: None could be stored.
    """
    if not predictions:
        return {}
    try:
        await client.post(f"/api/projects/{project}/import/predictions", list(predictions))
    except LabelStudioRejected as error:
        if len(predictions) == 1:
            return {int(predictions[0]["task"]): Failure(error.code, error.message)}
        middle = len(predictions) // 2
        first = await store_predictions(client, project, predictions[:middle])
        return first | await store_predictions(client, project, predictions[middle:])
    except LabelStudioError:
        # It stores all in one transaction and then counts, which fails or takes minutes in projects of 100,000 tasks.
        if not await _is_stored(client, project, predictions[-1]):
            raise
    return {}


async def _is_stored(client: LabelStudioClient, project: int, prediction: Mapping[str, Any]) -> bool:
    filters = [
        _filter("id", "equal", "Number", prediction["task"]),
        _filter("predictions_model_versions", "contains", "List", [prediction["model_version"]]),
    ]
    query = json.dumps({"filters": {"conjunction": "and", "items": filters}})
    listed = await client.get(
        "/api/tasks", project=project, page=1, page_size=1, query=query, fields="task_only", include="id"
    )
    return bool(listed["tasks"])


@dataclass(slots=True)
class Outbox:
    """Stores predictions in the background while others are made.

    Attributes:
        client: Label Studio.
        project: The project's number.
        stored: How many Label Studio has taken.
        failures: Why some were not taken, by task.
    """

    client: LabelStudioClient
    project: int
    stored: int = 0
    failures: dict[int, Failure] = field(default_factory=dict)
    _waiting: list[Mapping[str, Any]] = field(default_factory=list, init=False)
    _sending: asyncio.Task[None] | None = field(default=None, init=False)
    _rest_until: float = field(default_factory=lambda: time.monotonic() + _SHORTEST_WAIT_S, init=False)

    async def put(self, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Take predictions; waits only where Label Studio cannot keep up.

        Raises:
            LabelStudioError: Earlier ones could not be stored.
        """
        self._waiting += predictions
        if self._sending is not None and (self._sending.done() or len(self._waiting) >= _WAITING_LIMIT):
            await self._arrived()
        full = len(self._waiting) >= _WAITING_LIMIT
        if self._sending is None and self._waiting and (full or time.monotonic() >= self._rest_until):
            self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Store what is left, even if cancelled meanwhile.

        Raises:
            LabelStudioError: Some could not be stored.
        """
        rest = asyncio.create_task(self._send_rest())
        try:
            await asyncio.shield(rest)
        except asyncio.CancelledError:
            await rest
            raise

    async def _send_rest(self) -> None:
        await self._arrived()
        await self._send()

    async def _arrived(self) -> None:
        if self._sending is not None:
            # Whoever interrupts us must not cut the transfer short: what has arrived would not be known.
            await asyncio.shield(self._sending)
            self._sending = None

    async def _send(self) -> None:
        predictions, self._waiting = self._waiting, []
        started = time.monotonic()
        failures = await store_predictions(self.client, self.project, predictions)
        took_s = time.monotonic() - started
        self.failures |= failures
        self.stored += len(predictions) - len(failures)
        self._rest_until = time.monotonic() + max(_SHORTEST_WAIT_S, _PATIENCE * took_s)
